// The kernel's own commands about the server; those about accounts stand in account_commands.cc.
#include "commands.h"

#include "c2s.h"
#include "changed_by_hand.h"
#include "command_registry.h"
#include "config_plan.h"
#include "config_reader.h"
#include "host_departure.h"
#include "line_listener.h"
#include "load_certificates.h"
#include "log_sink.h"
#include "log_target.h"
#include "plugin_host.h"
#include "plugin_top.h"
#include "process.h"
#include "quarantine.h"
#include "server.h"
#include "trace.h"
#include "virtual_host.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    std::uint64_t resident_bytes()
    {
        unsigned long long pages = 0, resident = 0;
        if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
            if (std::fscanf(file, "%llu %llu", &pages, &resident) != 2)
                resident = 0;
            std::fclose(file);
        }
        return resident * std::uint64_t(::sysconf(_SC_PAGESIZE));
    }

    Value host_status(const VirtualHost& host, std::string_view state)
    {
        Value row;
        row["domain"] = host.domain();
        row["state"] = state;
        row["sessions"] = host.session_count();
        row["plugins"] = std::uint64_t(host.published()->instances.size());
        return row;
    }

    task<Result<Value>> status(Server& server, TimePoint started)
    {
        // Each loop writes its own row.
        auto rows = std::make_shared<Value::Array>(server.loop_count() + 1); // shared: by the loops
        Completion<bool> all;
        server.on_every_loop(
            [rows](KernelLoop& loop) {
                Value& row = (*rows)[loop.index()];
                row["loop"] = std::uint64_t(loop.index());
                row["mails"] = loop.mails();
                row["wakeups"] = loop.wakeups();
            },
            [all] { all.resolve(true); });
        co_await all;
        rows->back()["loop"] = "main";

        const auto uptime = server.main_loop().now() - started;
        Value answer;
        answer["version"] = sdk_version;
        answer["abi"] = abi_number;
        answer["pid"] = std::int64_t(::getpid());
        answer["uptime_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(uptime).count();
        answer["resident_bytes"] = resident_bytes();
        answer["streams"] = server.c2s().open_streams();
        answer["mailbox_hops"] = server.router().hops();
        answer["waiting_jobs"] = std::uint64_t(server.workers().waiting());
        for (const auto port : server.c2s().ports())
            answer["ports"].array().push_back(int(port));
        for (const auto& host : server.hosts())
            answer["hosts"].array().push_back(host_status(*host, "served"));
        for (const auto& departure : server.departures())
            if (!departure->is_over())
                answer["hosts"].array().push_back(host_status(departure->host(), "ending"));
        for (const std::string& option : server.unfinished().waiting)
            answer["waits_for_restart"].array().emplace_back(option);
        for (const auto& [domain, why] : server.unfinished().refused)
            answer["not_taken_up"].array().emplace_back(domain + ": " + why);
        answer["loops"] = std::move(*rows);
        co_return answer;
    }

    task<Result<Value>> load(Server& server, const CommandCall& call)
    {
        Completion<Result<void>> done;
        server.plugins().load(std::string(call.text("plugin")), std::string(call.text("host")),
            [done](Result<void> result) { done.resolve(std::move(result)); });
        if (auto result = co_await done; !result)
            co_return result.error();
        Value answer;
        answer["loaded"] = call.text("plugin");
        for (const auto& host : server.hosts())
            if (const auto by_hand = changed_by_hand(*host, host->settings()).loaded;
                std::ranges::find(by_hand, call.text("plugin")) != by_hand.end())
                answer["until_reload_on"].array().emplace_back(host->domain());
        if (answer.find("until_reload_on"))
            answer["to_keep_it"]
                = "enable it: [plugins." + std::string(call.text("plugin")) + "] in conf.d";
        co_return answer;
    }

    /// Once for each host that it runs on.
    std::multiset<std::string> running_plugins(Server& server)
    {
        std::multiset<std::string> names;
        for (const auto& host : server.hosts())
            for (const auto& instance : host->published()->instances)
                names.insert(instance->name());
        return names;
    }

    task<Result<Value>> unload(Server& server, const CommandCall& call)
    {
        const auto before = running_plugins(server);
        Completion<Result<void>> done;
        const Value* const recursive = call.arguments.find("recursive");
        server.plugins().unload(std::string(call.text("plugin")), std::string(call.text("host")),
            recursive && recursive->as_bool() ? Dependents::unload : Dependents::refuse,
            [done](Result<void> result) { done.resolve(std::move(result)); });
        if (auto result = co_await done; !result)
            co_return result.error();
        Value answer;
        // With those that needed it.
        const auto after = running_plugins(server);
        answer["unloaded"] = Value::Array();
        for (auto at = before.begin(); at != before.end(); at = before.upper_bound(*at))
            if (after.count(*at) < before.count(*at))
                answer["unloaded"].array().emplace_back(*at);
        co_return answer;
    }

    task<Result<Value>> reload_plugin(Server& server, const CommandCall& call)
    {
        PluginHost::ReloadOptions options;
        if (const Value* wait = call.arguments.find("wait"))
            options.pause
                = std::chrono::seconds(std::clamp<std::int64_t>(wait->as_integer(), 0, 60));
        if (const Value* drops = call.arguments.find("drop-state"))
            options.drops_state = drops->as_bool();
        Completion<Result<Value>> done;
        server.plugins().reload(std::string(call.text("plugin")), options,
            [done](Result<Value> report) { done.resolve(std::move(report)); });
        co_return co_await done;
    }

    task<Result<Value>> refresh_plugins(Server& server)
    {
        Completion<Value::Array> done;
        server.plugins().refresh([done](Value::Array rows) { done.resolve(std::move(rows)); });
        co_return Value(co_await done);
    }

    /// "60s", "5min": as options of the configuration are written.
    Result<Duration> duration_of(std::string_view text, Duration longest)
    {
        struct Holder {
            Duration time {};
        };
        static const Schema schema = Schema::of<Holder>({}).option("for", &Holder::time, {});
        Value table;
        table["for"] = text;
        Holder holder;
        if (const auto errors = schema.read(table, {}, &holder); !errors.empty())
            return Error { errors.front().message };
        if (holder.time <= Duration::zero() || holder.time > longest)
            return Error { "for: expected a time up to an hour, as 60s or 10min" };
        return holder.time;
    }

    task<Result<Value>> trace_address(Server& server, const CommandCall& call)
    {
        const auto about = Jid::parse(call.text("jid"));
        if (!about)
            co_return about.error();
        const auto time = duration_of(call.text("for"), 1h);
        if (!time)
            co_return time.error();
        if (!call.progress)
            co_return Error { "a trace needs a caller that can be shown lines",
                Error::Kind::refused };
        const Value* const bodies = call.arguments.find("bodies");
        // COMPAT(g++ 12): named first, as everything that owns something and is awaited with.
        Trace::Request request { .about = *about,
            .with_bodies = bodies && bodies->as_bool(),
            .time = *time,
            .show = [progress = call.progress](
                        std::string_view line) { return show_line(progress, line); } };
        auto run = server.trace().run(std::move(request));
        co_return co_await run;
    }

    task<Result<Value>> release(Server& server, const CommandCall& call)
    {
        const std::string plugin(call.text("plugin"));
        const auto released = server.quarantine().release(plugin);
        if (!released)
            co_return released.error();
        Value::Array promoted;
        for (HandlerMeter* const meter : server.meters().all())
            if (meter->name().plugin == plugin && meter->promote())
                promoted.emplace_back(meter->name().handler + " on " + meter->name().host);
        if (*released == 0 && promoted.empty())
            co_return Error { "the plugin " + plugin + " is neither quarantined nor demoted",
                Error::Kind::not_found };
        Value answer;
        answer["released"] = plugin;
        if (!promoted.empty())
            answer["on_the_loops_again"] = std::move(promoted);
        if (*released > 0)
            answer["next"] = "nuncioctl plugin load " + plugin;
        co_return answer;
    }

    Result<ConfigReading> read_again(const Server& server)
    {
        const ConfigSource& source = server.settings().source;
        if (source.folder.empty())
            return Error { "this server was not started from a configuration folder",
                Error::Kind::unavailable };
        const auto catalog = make_plugin_catalog();
        auto reading = read_config(source, *catalog);
        if (reading.ok())
            return reading;
        std::string text = reading.text();
        text.pop_back();
        return Error { "the configuration has "
            + (reading.errors.size() == 1 ? "a mistake"
                                          : std::to_string(reading.errors.size()) + " mistakes")
            + "; nothing was changed\n" + text };
    }

    task<Result<Value>> check(const Server& server)
    {
        auto reading = read_again(server);
        if (!reading)
            co_return reading.error();
        if (const auto loaded = load_certificates(reading->settings); !loaded)
            co_return loaded.error();
        Value answer;
        answer["configuration"] = "good";
        answer["hosts"] = std::uint64_t(reading->settings.hosts.size());
        co_return answer;
    }

    Value plugin_row(std::string_view domain, const std::string& plugin, std::string_view before,
        std::string_view after, std::string_view effect)
    {
        return Value::Table { { "option",
                                  "hosts.\"" + std::string(domain) + "\".plugins." + plugin },
            { "before", before }, { "after", after }, { "effect", effect } };
    }

    /// What a reload undoes or tries again, beside what has changed in the files.
    void add_unsettled(Value::Array& rows, Server& server, const Settings& next)
    {
        for (const HostSettings& wanted : next.hosts) {
            VirtualHost* const host = server.find_host(wanted.domain);
            if (!host)
                continue;
            const ChangedByHand changed = changed_by_hand(*host, wanted);
            for (const std::string& name : changed.loaded)
                rows.push_back(plugin_row(
                    host->domain(), name, "loaded at run time", "not enabled", "unloaded"));
            for (const std::string& name : changed.unloaded)
                rows.push_back(
                    plugin_row(host->domain(), name, "does not run", "enabled", "loaded"));
        }
        for (const auto& [domain, why] : server.unfinished().refused)
            rows.emplace_back(Value::Table { { "option", "hosts.\"" + domain + "\".plugins" },
                { "before", "as it was" }, { "after", "refused by the last reload" },
                { "effect", "tried again; it said: " + why } });
    }

    /// What reload() would do, option by option.
    task<Result<Value>> plan(Server& server)
    {
        const auto reading = read_again(server);
        if (!reading)
            co_return reading.error();
        if (const auto loaded = load_certificates(reading->settings); !loaded)
            co_return loaded.error();
        const auto catalog = make_plugin_catalog();
        catalog->search(reading->settings.plugin_path);
        Value::Array rows
            = plan_reload(server.settings().written, reading->settings.written, *catalog);
        add_unsettled(rows, server, reading->settings);
        co_return Value(std::move(rows));
    }

    task<Result<Value>> reload(Server& server)
    {
        const ReloadNotice notice;
        auto reading = read_again(server);
        if (!reading)
            co_return reading.error();
        const std::string level = reading->settings.log.level;
        Completion<Result<std::vector<std::string>>> done;
        server.reload(std::move(reading->settings),
            [done](Result<std::vector<std::string>> notes) { done.resolve(std::move(notes)); });
        auto notes = co_await done;
        if (!notes)
            co_return notes.error();
        for (const auto known :
            { Log::Level::debug, Log::Level::info, Log::Level::warn, Log::Level::error })
            if (to_string(known) == level)
                server.logs().set_level(known);
        Value answer;
        answer["configuration"] = "reloaded";
        for (const std::string& note : *notes)
            answer["notes"].array().push_back(note);
        co_return answer;
    }

    void add_plugin_commands(Server& server, CommandRegistry& registry)
    {
        using Type = CommandArgument::Type;
        const CommandArgument plugin { .name = "plugin", .type = Type::plugin, .doc = "its name" };
        const CommandArgument host { .name = "host",
            .type = Type::host,
            .doc = "only on this host; otherwise on all",
            .required = false };
        registry.add(
            { "plugin list", "The plugins that are loaded, on which hosts, and their state." },
            [&server](
                const CommandCall&) -> task<Result<Value>> { co_return server.plugins().list(); });
        registry.add({ "plugin load", "Load a plugin while the server runs.", { plugin, host } },
            [&server](const CommandCall& call) { return load(server, call); });
        registry.add({ "plugin top", "What each handler of each plugin costs: calls, time, memory.",
                         { { .name = "plugin",
                               .type = Type::plugin,
                               .doc = "only this one",
                               .required = false },
                             { .name = "once",
                                 .type = Type::boolean,
                                 .doc = "print one table, also on a terminal",
                                 .required = false } } },
            [&server](const CommandCall& call) -> task<Result<Value>> {
                const auto name = call.text("plugin");
                if (!name.empty()
                    && std::ranges::none_of(server.meters().all(),
                        [&](const HandlerMeter* meter) { return meter->name().plugin == name; }))
                    co_return Error { "the plugin " + std::string(name)
                            + " is not loaded, and was not before",
                        Error::Kind::not_found };
                co_return plugin_top(server, name);
            });
        const CommandArgument recursive { .name = "recursive",
            .type = Type::boolean,
            .doc = "unload those that need it, too",
            .required = false };
        registry.add(
            { "plugin unload", "Unload a plugin; users stay online.", { plugin, host, recursive } },
            [&server](const CommandCall& call) { return unload(server, call); });
        const CommandArgument wait { .name = "wait",
            .type = Type::integer,
            .doc = "seconds that stanzas may wait while it hands over its state",
            .required = false };
        const CommandArgument drop_state { .name = "drop-state",
            .type = Type::boolean,
            .doc = "hand nothing over: the new one begins with nothing",
            .required = false };
        registry.add({ "plugin release",
                         "Let a plugin that is quarantined run again, and its demoted handlers on "
                         "the loops.",
                         { plugin } },
            [&server](const CommandCall& call) { return release(server, call); });
        registry.add({ "plugin reload", "Replace a plugin by its file on disk; no stanza is lost.",
                         { plugin, wait, drop_state } },
            [&server](const CommandCall& call) { return reload_plugin(server, call); });
        registry.add({ "plugin refresh", "Reload the plugins whose files on disk have changed." },
            [&server](const CommandCall&) { return refresh_plugins(server); });
    }

}

void add_kernel_commands(Server& server, CommandRegistry& registry)
{
    const TimePoint started = server.main_loop().now();
    registry.add({ "status", "What the server is doing: hosts, sessions, loops, memory." },
        [&server, started](const CommandCall&) { return status(server, started); });
    registry.add({ "check", "Read the configuration without applying it, and tell all mistakes." },
        [&server](const CommandCall&) { return check(server); });
    registry.add({ "reload",
                     "Apply the changed configuration and certificates; only streams of hosts that "
                     "are gone end.",
                     { { .name = "plan",
                         .type = CommandArgument::Type::boolean,
                         .doc = "only tell what it would do, option by option",
                         .required = false } } },
        [&server](const CommandCall& call) {
            const Value* const wants_plan = call.arguments.find("plan");
            return wants_plan && wants_plan->as_bool() ? plan(server) : reload(server);
        });
    registry.add({ "reopen-log", "Open the log file again, after it was rotated." },
        [&server](const CommandCall&) -> task<Result<Value>> {
            if (auto opened = server.logs().reopen(); !opened)
                co_return opened.error();
            Value answer;
            answer["log"] = "reopened";
            co_return answer;
        });
    registry.add(
        { .name = "trace",
            .summary = "Show the way of every stanza to and from an address, as it happens.",
            .arguments = { { .name = "jid",
                               .type = CommandArgument::Type::jid,
                               .doc = "a user, one of their sessions, or a domain" },
                { .name = "bodies",
                    .type = CommandArgument::Type::boolean,
                    .doc = "show the stanzas as they are, with what people write",
                    .required = false },
                { .name = "for",
                    .doc = "how long, up to 1h",
                    .required = false,
                    .default_text = "60s" } },
            .fronts = Fronts::console },
        [&server](const CommandCall& call) { return trace_address(server, call); });
    registry.add({ .name = "stop",
                     .summary = "Tell all streams, write what is queued, and end.",
                     .is_final = true },
        [&server](const CommandCall&) -> task<Result<Value>> {
            server.stop();
            Value answer;
            answer["server"] = "stopping";
            co_return answer;
        });
    // Other fronts show what they offer in their own way.
    registry.add({ .name = "help",
                     .summary = "Every command with its arguments.",
                     .fronts = Fronts::console },
        [&registry](const CommandCall&) -> task<Result<Value>> { co_return registry.describe(); });
    add_plugin_commands(server, registry);
    add_account_commands(server, registry);
    add_auth_commands(server, registry);
    add_import_commands(server, registry);
}

}
