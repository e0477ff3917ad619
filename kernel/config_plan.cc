// Comparing two configurations by their tables: what is not written down has not changed.
#include "config_plan.h"

#include "settings_schema.h"

#include <algorithm>

namespace nuncio::kernel {

namespace {

    std::string_view text_of(Reload effect)
    {
        switch (effect) {
        case Reload::live:
            return "taken up at once";
        case Reload::instance:
            return "its plugin's instances are built anew";
        case Reload::listener:
            return "the listener is opened again";
        case Reload::restart:
            return "waits for a restart";
        }
        return {};
    }

    constexpr std::string_view comes_up
        = "comes up, and is served once all of its plugins have started";
    constexpr std::string_view goes_away
        = "is taken down: its streams end with host-gone, its plugins are unloaded";

    /// Those whose members are options.
    constexpr std::pair<std::string_view, const Schema& (*)()> plain_sections[]
        = { { "server", server_schema }, { "limits", limits_schema }, { "log", log_schema },
              { "tls", tls_schema }, { "watchdog", watchdog_schema } };

    const Schema* schema_of(std::string_view section)
    {
        for (const auto& [name, schema] : plain_sections)
            if (name == section)
                return &schema();
        return nullptr;
    }

    /// What an option is when nothing is written, is no other value when it is written.
    bool is_same(const Schema::Option& option, const Value* one, const Value* other)
    {
        if (one && other)
            return *one == *other;
        const Value* const written = one ? one : other;
        return !written || detail::write_value(*written) == option.default_text;
    }

    class Comparison {
    public:
        explicit Comparison(PluginCatalog& plugins)
            : plugins_(plugins)
        {
        }

        Value::Array compare(const Value& before, const Value& after) &&
        {
            for_each_member(&before, &after,
                [&](const std::string& name, const Value* one, const Value* other) {
                    if (name == "hosts")
                        hosts(one, other);
                    else if (name == "plugins")
                        plugin_tables("plugins", one, other);
                    else if (name == "listen")
                        listeners(one, other);
                    else if (const Schema* schema = schema_of(name))
                        options(name, *schema, one, other);
                });
            return std::move(rows_);
        }

    private:
        /// The members of two tables that differ, in the order of the first and then the second.
        template <class Visit>
        static void for_each_member(const Value* before, const Value* after, Visit visit)
        {
            if (before)
                for (const auto& [name, one] : before->as_table()) {
                    const Value* const other = after ? after->find(name) : nullptr;
                    if (!other || !(one == *other))
                        visit(name, &one, other);
                }
            if (after)
                for (const auto& [name, other] : after->as_table())
                    if (!before || !before->find(name))
                        visit(name, nullptr, &other);
        }

        static std::string written(const Value* value)
        {
            return value ? value->json() : "(default)";
        }

        /// Of a plugin or a host: a table that does not say otherwise.
        static bool is_on(const Value* table)
        {
            const Value* const enabled = table ? table->find("enabled") : nullptr;
            return table && (!enabled || enabled->as_bool());
        }

        void add(std::string name, const Schema::Option* option, const Value* before,
            const Value* after, std::string_view effect)
        {
            const bool is_secret = option && option->secret;
            add(std::move(name), is_secret ? "(secret)" : written(before),
                is_secret ? "(secret)" : written(after), effect);
        }

        void add(std::string option, std::string before, std::string after, std::string_view effect)
        {
            rows_.emplace_back(
                Value::Table { { "option", std::move(option) }, { "before", std::move(before) },
                    { "after", std::move(after) }, { "effect", effect } });
        }

        void options(
            const std::string& path, const Schema& schema, const Value* before, const Value* after)
        {
            for_each_member(
                before, after, [&](const std::string& name, const Value* one, const Value* other) {
                    const Schema::Option* const option = schema.find(name);
                    if (!option || !is_same(*option, one, other))
                        add(path + '.' + name, option, one, other,
                            text_of(option ? option->reload : Reload::restart));
                });
        }

        /// Tables of plugins are compared as they are written, whatever it says in them.
        void plugin_options(const std::string& path, const Schema& schema, const Value* before,
            const Value* after, std::string_view effect)
        {
            for_each_member(
                before, after, [&](const std::string& name, const Value* one, const Value* other) {
                    add(path + '.' + name, schema.find(name), one, other, effect);
                });
        }

        static bool is_same_place(const Value& one, const Value& other)
        {
            return std::ranges::all_of(
                std::initializer_list<std::string_view> { "addresses", "port" },
                [&](std::string_view member) {
                    const Value* const mine = one.find(member);
                    const Value* const theirs = other.find(member);
                    return mine && theirs ? *mine == *theirs : mine == theirs;
                });
        }

        void listeners(const Value* before, const Value* after)
        {
            const auto tables = [](const Value* list) -> const Value::Array& {
                static const Value::Array none;
                return list ? list->as_array() : none;
            };
            const auto without = [&](const Value* some, const Value* others, auto visit) {
                for (const Value& each : tables(some))
                    if (std::ranges::find(tables(others), each) == tables(others).end())
                        visit(each);
            };
            const auto find = [&](const Value* list, const Value& wanted) -> const Value* {
                for (const Value& each : tables(list))
                    if (is_same_place(each, wanted))
                        return &each;
                return nullptr;
            };
            without(before, after, [&](const Value& gone) {
                if (const Value* const stays = find(after, gone))
                    add("listen", gone.json(), stays->json(),
                        "stays open; connections from now on are met like this");
                else
                    add("listen", gone.json(), "(none)", "closed; its streams stay");
            });
            without(after, before, [&](const Value& added) {
                if (!find(before, added))
                    add("listen", "(none)", added.json(), "opened");
            });
        }

        void plugin_tables(const std::string& path, const Value* before, const Value* after)
        {
            for_each_member(
                before, after, [&](const std::string& name, const Value* one, const Value* other) {
                    const std::string option = path + '.' + name;
                    if (is_on(one) != is_on(other))
                        return add(option, is_on(one) ? "enabled" : "not enabled",
                            is_on(other) ? "enabled" : "not enabled",
                            is_on(other) ? "loaded" : "unloaded");
                    const auto schema = plugins_.schema(name);
                    plugin_options(option, schema ? **schema : Schema(), one, other,
                        is_on(other) ? text_of(Reload::instance)
                                     : "nothing: the plugin is not enabled");
                });
        }

        void hosts(const Value* before, const Value* after)
        {
            for_each_member(before, after,
                [&](const std::string& domain, const Value* one, const Value* other) {
                    const std::string path = "hosts.\"" + domain + '"';
                    if (is_on(one) != is_on(other))
                        return add(path, is_on(one) ? "served" : "not served",
                            is_on(other) ? "served" : "not served",
                            is_on(other) ? comes_up : goes_away);
                    if (!is_on(one))
                        return; // what is said of a host that is not served changes nothing
                    Value was = *one, will_be = *other;
                    const auto take_plugins = [](Value& host) {
                        const auto at = std::ranges::find(host.table(), "plugins",
                            [](const auto& member) { return member.first; });
                        if (at == host.table().end())
                            return Value(Value::Table());
                        Value taken = std::move(at->second);
                        host.table().erase(at);
                        return taken;
                    };
                    const Value plugins_before = take_plugins(was),
                                plugins_after = take_plugins(will_be);
                    options(path, host_schema(), &was, &will_be);
                    plugin_tables(path + ".plugins", &plugins_before, &plugins_after);
                });
        }

        PluginCatalog& plugins_;
        Value::Array rows_;
    };

}

Value::Array plan_reload(const Value& before, const Value& after, PluginCatalog& plugins)
{
    return Comparison(plugins).compare(before, after);
}

std::vector<std::string> hold_back(const Value& before, Value& after)
{
    std::vector<std::string> names;
    for (const auto& [section, schema] : plain_sections)
        for (const Schema::Option& option : schema().options()) {
            const Value* const was
                = before.find(section) ? before.find(section)->find(option.name) : nullptr;
            const Value* const wanted
                = after.find(section) ? after.find(section)->find(option.name) : nullptr;
            if (option.reload != Reload::restart || is_same(option, was, wanted))
                continue;
            names.push_back(std::string(section) + '.' + option.name);
            if (was)
                after[section][option.name] = *was;
            else
                std::erase_if(after[section].table(),
                    [&](const auto& member) { return member.first == option.name; });
        }
    return names;
}

}
