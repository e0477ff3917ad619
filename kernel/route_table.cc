// Building a host's table from its instances, and running hooks behind the wall.
#include "route_table.h"

#include "plugin_task.h"
#include "trace.h"

#include <algorithm>
#include <span>
#include <unordered_set>

namespace nuncio::kernel {

namespace {

    struct KernelHook {
        std::string_view name;
        HookChain RouteTable::*chain;
    };
    constexpr KernelHook kernel_hooks[] = {
        { StanzaReceived::hook, &RouteTable::stanza_received },
        { StanzaRouting::hook, &RouteTable::stanza_routing },
        { PresenceSent::hook, &RouteTable::presence_sent },
        { PresenceArrived::hook, &RouteTable::presence_arrived },
        { StanzaDelivering::hook, &RouteTable::stanza_delivering },
        { StanzaSending::hook, &RouteTable::stanza_sending },
        { MessageUndelivered::hook, &RouteTable::message_undelivered },
        { ServerStanza::hook, &RouteTable::server_stanza },
        { SessionOpened::hook, &RouteTable::session_opened },
        { SessionClosed::hook, &RouteTable::session_closed },
        { StreamFeatures::hook, &RouteTable::stream_features },
        { BindFeatures::hook, &RouteTable::bind_features },
        { ResourceBinding::hook, &RouteTable::resource_binding },
        { ResourceBound::hook, &RouteTable::resource_bound },
        { UnboundIq::hook, &RouteTable::unbound_iq },
        { AuthenticationBeginning::hook, &RouteTable::authentication_beginning },
        { AuthenticationProved::hook, &RouteTable::authentication_proved },
        { AuthenticationEnded::hook, &RouteTable::authentication_ended },
        { AccountCreated::hook, &RouteTable::account_created },
        { AccountRemoved::hook, &RouteTable::account_removed },
        { PasswordChanged::hook, &RouteTable::password_changed },
    };

    /// Kept out of the hot path. Called inside a catch block.
    [[gnu::cold, gnu::noinline]] void log_thrown(const HookChain::Entry& entry)
    {
        const std::string text = thrown_text();
        entry.instance->log().error("its handler of {} threw: {}", entry.hook->hook, text);
        if (entry.hook->meter)
            entry.hook->meter->count_failure();
    }

    void add_hooks(RouteTable& table, PluginInstance& instance)
    {
        for (auto& hook : instance.registrations().hooks)
            table.chain(hook.hook)->entries.push_back({ &instance, &hook });
    }

    void add_routes(RouteTable& table, PluginInstance& instance)
    {
        Registrations& made = instance.registrations();
        for (auto& handler : made.iq_handlers)
            table.iq[static_cast<std::size_t>(handler.component)].try_emplace(
                handler.ns, IqEntry { &instance, &handler, table.is_paused(instance) });
        for (auto& domain : made.domains)
            table.domains.try_emplace(
                domain.domain, DomainEntry { &instance, &domain, table.is_paused(instance) });
        for (const auto& service : made.services)
            table.services.try_emplace(
                service.interface, ServiceEntry { &instance, service.service });
    }

    std::shared_ptr<const Directory> make_directory(
        const std::vector<std::shared_ptr<PluginInstance>>& instances, Component component)
    {
        auto directory = std::make_shared<Directory>(); // shared: with askers, beyond its table
        std::unordered_set<std::string_view> known;
        const auto add_feature = [&](const std::string& feature) {
            if (known.insert(feature).second)
                directory->features.push_back(feature);
        };
        const auto at = static_cast<std::size_t>(component);
        for (const auto& instance : instances) {
            const Registrations& made = instance->registrations();
            for (const auto& feature : made.features[at])
                add_feature(feature);
            for (const auto& handler : made.iq_handlers)
                if (handler.component == component && handler.options.advertise)
                    add_feature(handler.ns);
            for (const auto& identity : made.identities[at])
                directory->identities.push_back(identity);
            for (const auto& form : made.forms[at])
                directory->forms.push_back(form);
            if (component != Component::local)
                continue;
            for (const auto& item : made.items)
                directory->items.push_back(item);
            for (const auto& domain : made.domains)
                if (!domain.options.item_name.empty())
                    directory->items.push_back({ domain.domain, domain.options.item_name });
        }
        return directory;
    }

}

namespace {

    std::string_view name_of(Stage stage)
    {
        switch (stage) {
        case Stage::first:
            return "first";
        case Stage::early:
            return "early";
        case Stage::normal:
            return "normal";
        case Stage::late:
            return "late";
        case Stage::last:
            return "last";
        }
        return {};
    }

    Flow run_from(std::span<const HookChain::Entry> entries, void* event)
    {
        void* const before = current_plugin();
        MeteredRun run;
        Flow flow = Flow::next;
        for (const HookChain::Entry& entry : entries) {
            run.go_on(entry.hook->meter);
            exchange_current_plugin(static_cast<Leased*>(entry.instance));
            try {
                flow = entry.hook->handler(event);
            } catch (...) {
                log_thrown(entry);
                continue;
            }
            if (flow == Flow::done)
                break;
        }
        exchange_current_plugin(before);
        return flow;
    }

    /// run_from for somebody who watches; says after each handler what it did.
    [[gnu::cold, gnu::noinline]] Flow run_traced(
        std::span<const HookChain::Entry> entries, void* event)
    {
        // What handlers cause on their way is told of where it happens.
        const TracedHooks& traced = *std::exchange(this_thread.traced, nullptr);
        Stanza before = traced.stanza(); // a handler that takes it may leave nothing behind
        for (std::size_t i = 0; i < entries.size(); ++i) {
            // A plugin may have a handler at each stage.
            const std::string who = std::string(traced.hook()) + ": " + entries[i].instance->name()
                + " (" + std::string(name_of(entries[i].hook->stage)) + ") ";
            if (run_from(entries.subspan(i, 1), event) == Flow::done) {
                traced.tell(before, who + "took it: it goes no further here");
                return Flow::done;
            }
            const bool is_changed = traced.stanza().xml() != before.xml();
            traced.tell(before, who + (is_changed ? "changed it" : "left it as it was"));
            if (is_changed)
                before = traced.stanza();
        }
        return Flow::next;
    }

    Flow run(std::span<const HookChain::Entry> entries, void* event)
    {
        if (this_thread.traced) [[unlikely]]
            return run_traced(entries, event);
        return run_from(entries, event);
    }

}

Flow run_chain(const HookChain& chain, void* event)
{
    return chain.entries.empty() ? Flow::next : run(chain.entries, event);
}

Flow run_chain_after(const HookChain& chain, void* event, const TakenBy& taken)
{
    const std::span<const HookChain::Entry> entries(chain.entries);
    std::size_t first = 0;
    bool is_found = false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const bool is_same = static_cast<Leased*>(entries[i].instance) == taken.plugin
            && entries[i].hook->stage == taken.stage;
        if (is_same || (!is_found && entries[i].hook->stage <= taken.stage))
            first = i + 1;
        is_found = is_found || is_same;
    }
    return first == entries.size() ? Flow::next : run(entries.subspan(first), event);
}

HookChain* RouteTable::chain(std::string_view hook)
{
    for (const auto& [name, chain] : kernel_hooks)
        if (name == hook)
            return &(this->*chain);
    const auto found = other_hooks.find(hook);
    return found == other_hooks.end() ? &other_hooks[std::string(hook)] : &found->second;
}

const HookChain* RouteTable::find_chain(std::string_view hook) const
{
    for (const auto& [name, chain] : kernel_hooks)
        if (name == hook)
            return &(this->*chain);
    const auto found = other_hooks.find(hook);
    return found == other_hooks.end() ? nullptr : &found->second;
}

bool RouteTable::is_paused(const PluginInstance& instance) const
{
    return is_pausing && std::ranges::find(paused_, &instance) != paused_.end();
}

const ServiceEntry* RouteTable::find_service(std::string_view interface) const
{
    const auto found = services.find(interface);
    return found == services.end() ? nullptr : &found->second;
}

std::shared_ptr<const RouteTable> RouteTable::build(
    std::vector<std::shared_ptr<PluginInstance>> instances)
{
    return build_pausing(std::move(instances), {});
}

std::shared_ptr<const RouteTable> RouteTable::build_pausing(
    std::vector<std::shared_ptr<PluginInstance>> instances,
    std::vector<const PluginInstance*> paused)
{
    auto table = std::make_shared<RouteTable>(); // shared: by the loops
    table->is_pausing = !paused.empty();
    table->paused_ = std::move(paused);
    for (const auto& instance : instances) {
        instance->name_meters();
        add_hooks(*table, *instance);
        add_routes(*table, *instance);
    }
    const auto finish = [&table](HookChain& chain) {
        // Within a stage the order of start remains.
        std::ranges::stable_sort(
            chain.entries, {}, [](const HookChain::Entry& entry) { return entry.hook->stage; });
        chain.is_paused = std::ranges::any_of(chain.entries,
            [&](const HookChain::Entry& entry) { return table->is_paused(*entry.instance); });
    };
    for (const auto& [name, chain] : kernel_hooks)
        finish((*table).*chain);
    for (auto& [name, chain] : table->other_hooks)
        finish(chain);

    for (const Component component : { Component::local, Component::sm })
        table->directory[static_cast<std::size_t>(component)]
            = make_directory(instances, component);
    table->instances = std::move(instances);
    return table;
}

}
