// Policies in Lua: the plugin itself.
#include "catalog.h"
#include "commands.h"
#include "hooks.h"
#include "settings.h"

#include <nuncio/plugin.h>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace nuncio::lua {

namespace {

    /// The folder of the file in which something about the plugin is said.
    std::string folder_of(const Value& table)
    {
        const auto& named = table.key_place().file ? table.key_place().file : table.place().file;
        if (named)
            return std::filesystem::path(*named).parent_path().string();
        for (const auto& [key, value] : table.as_table())
            if (value.place().file)
                return std::filesystem::path(*value.place().file).parent_path().string();
        return {};
    }

}

class Lua final : public Plugin {
public:
    static Schema schema() { return Settings::schema(); }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.slow > settings_.time)
            return config.error("slow", "is longer than `time`, after which a call is ended");
        for (const Value& table : settings_.settings.as_array()) {
            const Value* const script = table.find("script");
            if (!script || script->kind() != Value::Kind::string)
                return config.error("settings", "expected `script = \"NAME\"` in each table");
            const Value* const commands = table.find("commands");
            const bool is_list = !commands
                || (commands->kind() == Value::Kind::array
                    && std::ranges::all_of(commands->as_array(),
                        [](const Value& one) { return one.kind() == Value::Kind::string; }));
            if (!is_list)
                return config.error("settings", "expected `commands = [\"NAME\", …]`");
        }
        const std::filesystem::path folder = settings_.folder;
        if (folder.is_relative())
            settings_.folder = (folder_of(config.table()) / folder).string();
        return {};
    }

    Result<void> start(Context& context) override
    {
        common_.emplace(context,
            Shared::Bounds { .keys = settings_.shared_keys, .bytes = settings_.shared_bytes.count },
            context.store("lua"));
        common_->log_lines = settings_.log_lines;
        common_->await_time = settings_.await_time;
        hooks_.emplace(*common_, settings_.waiting_stanzas);
        catalog_.emplace(*common_, settings_);
        auto built = catalog_->build();
        if (!built)
            return built.error();
        for (std::size_t i = 0; i < built->size(); ++i)
            hooks_->policies(i) = std::move((*built)[i]);
        hooks_->start();
        commands_.emplace(*common_, settings_, *catalog_, *hooks_);
        commands_->start();
        context.every(1s, [this] { run_timers(); });
        return {};
    }

private:
    void run_timers()
    {
        if (common_->timers.load(std::memory_order_relaxed) == 0)
            return;
        Host& host = common_->context.host();
        for (std::size_t i = 0; i < host.loop_count(); ++i)
            host.loop(i).post([this, i] {
                if (const auto policies = hooks_->policies(i))
                    policies->run_due();
                if (const auto trial = hooks_->trial(i))
                    trial->run_due();
            });
    }

    Settings settings_;
    std::optional<Common> common_;
    std::optional<Hooks> hooks_;
    std::optional<Catalog> catalog_;
    std::optional<Commands> commands_;
};

}

NUNCIO_PLUGIN(nuncio::lua::Lua, "lua", "0.1.0", "Policies in Lua", "requires=storage/1")
