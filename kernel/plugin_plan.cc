// Plans: which instances stay, go and come on each host.
#include "plugin_plan.h"

#include "context.h"
#include "generation.h"
#include "plugin_files.h"
#include "plugin_order.h"
#include "quarantine.h"
#include "server.h"
#include "virtual_host.h"
#include "word_list.h"

#include <algorithm>
#include <set>

namespace nuncio::kernel {

namespace {

    void let_go(HostChange& change, const std::string& name)
    {
        const auto at = std::ranges::find_if(
            change.kept, [&](const auto& other) { return other->name() == name; });
        if (at == change.kept.end())
            return;
        change.leaving.push_back(std::move(*at));
        change.kept.erase(at);
    }

    /// In the order of their start again: they end in the reverse of it.
    void sort_leaving(HostChange& change)
    {
        const auto& order = change.host->instances();
        std::ranges::sort(change.leaving, {},
            [&](const auto& instance) { return std::ranges::find(order, instance); });
    }

    /// Who cannot be without `name` among the instances of a host.
    std::vector<std::string> dependents_on(const Instances& instances, const std::string& name)
    {
        std::vector<const PluginNote*> notes;
        std::size_t provider = 0;
        for (const auto& instance : instances) {
            if (instance->name() == name)
                provider = notes.size();
            notes.push_back(&instance->generation().note());
        }
        std::vector<std::string> names;
        for (const std::size_t index : dependents_of(notes, provider))
            names.push_back(notes[index]->name);
        return names;
    }

    /// Whether an administrator's choice of disciplines would now be another.
    bool has_other_disciplines(PluginInstance& instance, const Value& before, const Value& after)
    {
        return std::ranges::any_of(
            instance.registrations().iq_handlers, [&](const Registrations::IqHandler& handler) {
                const Value* const one = before.find(handler.ns);
                const Value* const other = after.find(handler.ns);
                return one && other ? !(*one == *other) : one != other;
            });
    }

    /// A new provider is another object: who requires what one of those that leave provides, and
    /// so may hold on to it, leaves as well. Answers their names.
    std::vector<std::string> let_go_of_dependents(HostChange& change)
    {
        std::vector<std::string> names;
        for (bool changed = true; changed;) {
            changed = false;
            for (const auto& kept : Instances(change.kept)) {
                const auto& required = kept->generation().note().requires_;
                const auto is_provided_by = [&](const auto& leaving) {
                    const auto& provides = leaving->generation().note().provides;
                    return std::ranges::any_of(required, [&](const std::string& needed) {
                        return std::ranges::find(provides, needed) != provides.end();
                    });
                };
                if (std::ranges::none_of(change.leaving, is_provided_by))
                    continue;
                let_go(change, kept->name());
                names.push_back(kept->name());
                changed = true;
            }
        }
        return names;
    }

    const PluginNote& note_of(const VirtualHost& host, const std::string& name)
    {
        return (*std::ranges::find_if(host.instances(),
                    [&](const auto& instance) { return instance->name() == name; }))
            ->generation()
            .note();
    }

    /// Whether `dependent` requires what `provider` provides now and `provides` does not have.
    bool lacks_any(const std::vector<std::string>& provides, const VirtualHost& host,
        const std::string& provider, const std::string& dependent)
    {
        const auto has = [](const std::vector<std::string>& list, const std::string& what) {
            return std::ranges::find(list, what) != list.end();
        };
        const auto& provides_now = note_of(host, provider).provides;
        return std::ranges::any_of(
            note_of(host, dependent).requires_, [&](const std::string& needed) {
                return has(provides_now, needed) && !has(provides, needed);
            });
    }

    Result<std::vector<VirtualHost*>> hosts_named(Server& server, const std::string& domain)
    {
        std::vector<VirtualHost*> hosts;
        if (!domain.empty()) {
            VirtualHost* const host = server.find_host(domain);
            if (!host)
                return Error { "there is no host " + domain, Error::Kind::not_found };
            hosts.push_back(host);
            return hosts;
        }
        for (const auto& host : server.hosts())
            hosts.push_back(host.get());
        return hosts;
    }

    Error not_loaded(const std::string& name, const std::string& domain)
    {
        return { "the plugin " + name + " is not loaded"
                + (domain.empty() ? std::string() : " on " + domain),
            Error::Kind::not_found };
    }

}

bool runs_on(const VirtualHost& host, const std::string& name)
{
    return std::ranges::any_of(
        host.instances(), [&](const auto& other) { return other->name() == name; });
}

std::map<std::string, Value> wanted_by(const HostSettings& settings)
{
    auto wanted = settings.plugins;
    for (const std::string& backend : settings.auth)
        wanted.try_emplace(backend, Value(Value::Table()));
    return wanted;
}

std::map<std::string, Value> allowed_by(
    const Quarantine& quarantine, const VirtualHost& host, const HostSettings& settings)
{
    auto allowed = wanted_by(settings);
    std::erase_if(
        allowed, [&](const auto& entry) { return quarantine.find(entry.first, host.domain()); });
    return allowed;
}

HostChange no_change(VirtualHost& host)
{
    return { &host, host.settings(), host.instances(), {}, {} };
}

Result<PluginPlan> plan_load(
    Server& server, PluginFiles& files, const std::string& name, const std::string& domain)
{
    auto hosts = hosts_named(server, domain);
    if (!hosts)
        return hosts.error();
    // Without a domain: where the settings enable it; where none does, everywhere with its
    // defaults.
    if (domain.empty() && std::ranges::any_of(*hosts, [&](VirtualHost* host) {
            return wanted_by(host->settings()).contains(name);
        }))
        std::erase_if(
            *hosts, [&](VirtualHost* host) { return !wanted_by(host->settings()).contains(name); });
    std::erase_if(*hosts, [&](VirtualHost* host) { return runs_on(*host, name); });
    if (hosts->empty())
        return Error { "the plugin " + name + " is loaded already"
                + (domain.empty() ? std::string() : " on " + domain),
            Error::Kind::conflict };

    for (VirtualHost* host : *hosts)
        if (const auto* entry = server.quarantine().find(name, host->domain()))
            return Error { "the plugin " + name + " is quarantined on "
                    + std::string(host->domain()) + ": " + entry->reason
                    + "; lift that first: nuncioctl plugin release " + name,
                Error::Kind::refused };

    const auto opened = files.open(name);
    if (!opened)
        return opened.error();
    PluginPlan plan;
    for (VirtualHost* host : *hosts) {
        HostChange change = no_change(*host);
        const auto wanted = wanted_by(change.settings);
        const auto table = wanted.find(name);
        // Paths in its defaults are seen from where the host is.
        Value defaults = Value::Table();
        defaults.set_place(change.settings.place);
        defaults.set_key_place(change.settings.place);
        change.added.push_back(
            { *opened, table == wanted.end() ? std::move(defaults) : table->second });
        plan.changes.push_back(std::move(change));
    }
    return plan;
}

Result<PluginPlan> plan_unload(
    Server& server, const std::string& name, const std::string& domain, Dependents dependents)
{
    auto hosts = hosts_named(server, domain);
    if (!hosts)
        return hosts.error();
    std::erase_if(*hosts, [&](VirtualHost* host) { return !runs_on(*host, name); });
    if (hosts->empty())
        return not_loaded(name, domain);

    PluginPlan plan;
    for (VirtualHost* host : *hosts) {
        HostChange change = no_change(*host);
        std::set<std::string> seen { name };
        std::vector<std::string> going { name };
        while (!going.empty()) {
            const std::string next = std::move(going.back());
            going.pop_back();
            const auto needed_by = dependents_on(change.kept, next);
            if (!needed_by.empty() && dependents == Dependents::refuse)
                return Error { name + " is needed on " + std::string(host->domain()) + " by "
                        + listed(needed_by)
                        + ": unload them first, or all of them with --recursive",
                    Error::Kind::conflict };
            for (const std::string& other : needed_by)
                if (seen.insert(other).second)
                    going.push_back(other);
            let_go(change, next);
        }
        sort_leaving(change);
        plan.changes.push_back(std::move(change));
    }
    return plan;
}

Result<PluginPlan> plan_reload(Server& server, PluginFiles& files, const std::string& name)
{
    if (std::ranges::none_of(
            server.hosts(), [&](const auto& host) { return runs_on(*host, name); }))
        return not_loaded(name, {});
    // Those that require what a new generation provides no more come along: with their own files
    // on disk they may fit it.
    std::map<std::string, std::shared_ptr<Generation>> renewed;
    std::vector<std::string> order { name };
    for (std::size_t next = 0; next < order.size(); ++next) {
        auto opened = files.open_anew(order[next]);
        if (!opened)
            return opened.error();
        const auto& provides = (*opened)->note().provides;
        for (const auto& host : server.hosts())
            for (const std::string& dependent : dependents_on(host->instances(), order[next]))
                if (std::ranges::find(order, dependent) == order.end()
                    && lacks_any(provides, *host, order[next], dependent))
                    order.push_back(dependent);
        renewed[order[next]] = std::move(*opened);
    }

    PluginPlan plan;
    for (const std::string& each : order)
        plan.renewed.push_back(renewed[each]);
    for (const auto& host : server.hosts()) {
        HostChange change = no_change(*host);
        for (const std::string& each : order) {
            if (!runs_on(*host, each))
                continue;
            let_go(change, each);
            change.added.push_back({ renewed[each], change.leaving.back()->parts().table });
        }
        if (change.is_empty())
            continue;
        sort_leaving(change);
        plan.changes.push_back(std::move(change));
    }
    return plan;
}

Result<PluginPlan> plan_reconfigure(PluginFiles& files, VirtualHost& host, HostSettings settings)
{
    const auto wanted = allowed_by(host.server().quarantine(), host, settings);
    HostChange change = no_change(host);
    std::vector<std::string> rebuilt;
    for (const auto& instance : host.instances()) {
        const auto found = wanted.find(instance->name());
        if (found == wanted.end()) {
            let_go(change, instance->name());
        } else if (!(found->second == instance->parts().table)
            || has_other_disciplines(
                *instance, host.settings().iq_disciplines, settings.iq_disciplines)) {
            let_go(change, instance->name());
            rebuilt.push_back(instance->name());
        }
    }
    for (std::string& dependent : let_go_of_dependents(change))
        rebuilt.push_back(std::move(dependent));
    change.settings = std::move(settings);
    for (const auto& [name, table] : wanted) {
        if (runs_on(host, name) && std::ranges::find(rebuilt, name) == rebuilt.end())
            continue;
        auto opened = files.open(name);
        if (!opened)
            return opened.error();
        change.added.push_back({ std::move(*opened), table });
    }
    sort_leaving(change);
    PluginPlan plan;
    plan.changes.push_back(std::move(change));
    return plan;
}

Result<PluginPlan> plan_start(
    Server& server, PluginFiles& files, const std::vector<VirtualHost*>& hosts)
{
    PluginPlan plan;
    for (VirtualHost* host : hosts) {
        HostChange change = no_change(*host);
        for (const auto& [name, table] : allowed_by(server.quarantine(), *host, change.settings)) {
            auto opened = files.open(name);
            if (!opened)
                return opened.error();
            change.added.push_back({ std::move(*opened), table });
        }
        plan.changes.push_back(std::move(change));
    }
    return plan;
}

PluginPlan plan_stop(const std::vector<VirtualHost*>& hosts)
{
    PluginPlan plan;
    for (VirtualHost* host : hosts) {
        HostChange change = no_change(*host);
        std::swap(change.kept, change.leaving);
        plan.changes.push_back(std::move(change));
    }
    return plan;
}

}
