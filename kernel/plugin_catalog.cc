// What a configuration check must know of plugins, from their files.
#include "plugin_catalog.h"

#include "plugin_host.h"

#include <nuncio/plugin.h>

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>
#include <map>

namespace nuncio::kernel {

namespace {

    struct CloseLibrary {
        void operator()(void* handle) const { dlclose(handle); }
    };

    class FileCatalog final : public PluginCatalog {
    public:
        void search(const std::vector<std::string>& path) override
        {
            namespace fs = std::filesystem;
            notes_.clear();
            for (const std::string& folder : path) {
                read_folder(folder);
                read_folder((fs::path(folder) / ".." / "auth-backends").lexically_normal());
            }
        }

        Result<const Schema*> schema(const std::string& name) override
        {
            const auto note = notes_.find(name);
            if (note == notes_.end())
                return Error { "there is no such plugin", Error::Kind::not_found };
            const auto open = open_.find(note->second.file);
            if (open != open_.end())
                return &descriptor(open->second.get())->schema();
            if (auto checked = check_plugin_note(note->second); !checked)
                return checked.error();
            std::unique_ptr<void, CloseLibrary> handle(
                dlopen(note->second.file.c_str(), RTLD_NOW | RTLD_LOCAL));
            if (!handle)
                return Error { std::string("cannot be loaded: ") + dlerror() };
            if (!descriptor(handle.get()))
                return Error { note->second.file
                    + " exports no descriptor; was NUNCIO_PLUGIN used?" };
            const Schema& schema = descriptor(handle.get())->schema();
            open_[note->second.file] = std::move(handle);
            return &schema;
        }

        std::vector<std::string> names() override
        {
            std::vector<std::string> names;
            for (const auto& [name, note] : notes_)
                names.push_back(name);
            return names;
        }

        std::string summary(const std::string& name) override
        {
            const auto note = notes_.find(name);
            return note == notes_.end() ? std::string() : note->second.summary;
        }

    private:
        static const Descriptor* descriptor(void* handle)
        {
            return static_cast<const Descriptor*>(dlsym(handle, "nuncio_plugin"));
        }

        void read_folder(const std::filesystem::path& folder)
        {
            std::error_code failure;
            for (std::filesystem::directory_iterator entry(folder, failure), end;
                 !failure && entry != end; entry.increment(failure)) {
                if (entry->path().extension() != ".so")
                    continue;
                // A file without a readable note is no plugin; asking for it by name says so.
                if (auto note = read_plugin_note(entry->path().string()))
                    notes_.try_emplace(note->name, std::move(*note)); // the first folder wins
            }
        }

        std::map<std::string, PluginNote> notes_; // by name
        std::map<std::string, std::unique_ptr<void, CloseLibrary>> open_; // by file
    };

}

std::unique_ptr<PluginCatalog> make_plugin_catalog()
{
    return std::make_unique<FileCatalog>();
}

}
