// What a configuration check must know of plugins, from copies of their files.
#include "plugin_catalog.h"

#include "plugin_files.h"

#include <nuncio/auth.h>

#include <algorithm>
#include <optional>

namespace nuncio::kernel {

namespace {

    /// A check talks to whoever asked for it: what it has to say is in its answers.
    class NoLog final : public Log {
    public:
        bool is_enabled(Level) const override { return false; }
        void write(Level, std::string_view) override { }
    };

    class FileCatalog final : public PluginCatalog {
    public:
        void search(const std::vector<std::string>& path) override
        {
            if (files_ && path == path_)
                return; // what is opened already is looked at again at the next question
            path_ = path;
            files_.emplace(path, std::string(), log_);
        }

        Result<const Schema*> schema(const std::string& name) override
        {
            if (!files_)
                return Error { "there is no such plugin", Error::Kind::not_found };
            return files_->schema(name);
        }

        std::vector<std::string> names() override
        {
            std::vector<std::string> names;
            if (files_)
                for (const PluginNote& note : files_->available())
                    names.push_back(note.name);
            return names;
        }

        std::string summary(const std::string& name) override
        {
            if (!files_)
                return {};
            const auto note = files_->find(name);
            return note ? note->summary : std::string();
        }

        bool is_auth_backend(const std::string& name) override
        {
            if (!files_)
                return false;
            const auto note = files_->find(name);
            return note
                && std::ranges::find(note->provides, AuthBackend::interface)
                != note->provides.end();
        }

    private:
        NoLog log_;
        std::vector<std::string> path_;
        std::optional<PluginFiles> files_;
    };

}

std::unique_ptr<PluginCatalog> make_plugin_catalog()
{
    return std::make_unique<FileCatalog>();
}

}
