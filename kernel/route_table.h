// What the plugins of one host offer, as every loop sees it: immutable, swapped as a whole.
#pragma once

#include "plugin_instance.h"

#include <nuncio/disco.h>
#include <nuncio/event.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nuncio::kernel {

/// The handlers of one hook in the order they run.
struct HookChain {
    struct Entry {
        PluginInstance* instance;
        Registrations::Hook* hook;
    };
    std::vector<Entry> entries;
    bool is_paused = false; ///< one of them is handing over: what comes here waits
    bool empty() const { return entries.empty(); }
};

/// Runs a chain until somebody answers `done`. The hook wall: what a handler throws is logged with
/// the plugin's name and counts as `next`.
Flow run_chain(const HookChain& chain, void* event);
/// Whose handler took an event, which it gives back now or later.
struct TakenBy {
    const void* plugin = nullptr; ///< a Leased; only compared, it may be gone
    Stage stage {};
};
/// The same from behind that handler. When the plugin was replaced meanwhile: from behind the
/// stage.
Flow run_chain_after(const HookChain& chain, void* event, const TakenBy& taken);

struct IqEntry {
    PluginInstance* instance = nullptr;
    Registrations::IqHandler* handler = nullptr;
    bool is_paused = false;
};

struct DomainEntry {
    PluginInstance* instance = nullptr;
    Registrations::Domain* domain = nullptr;
    bool is_paused = false;
};

struct ServiceEntry {
    PluginInstance* instance = nullptr;
    void* service = nullptr;
};

/// Transparent hashing: look up by string_view.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const
    {
        return std::hash<std::string_view>()(text);
    }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// Built by the plugin host at each commit; published to the loops by VirtualHost::publish. Keeps
/// its instances alive (shared: old and new table overlap).
struct RouteTable {
    std::vector<std::shared_ptr<PluginInstance>> instances; ///< in start order
    /// Some of them hand over to their next generation: entries say which.
    bool is_pausing = false;

    // The kernel's own bends, by name, so that the hot path looks nothing up.
    HookChain stanza_received, stanza_routing, presence_sent, presence_arrived, stanza_delivering,
        stanza_sending, message_undelivered, server_stanza, session_opened, session_closed,
        stream_features, bind_features, resource_binding, resource_bound, unbound_iq,
        authentication_beginning, authentication_proved, authentication_ended, account_created,
        account_removed, password_changed;
    TextMap<HookChain> other_hooks;

    TextMap<IqEntry> iq[2]; ///< by Component, then namespace
    TextMap<DomainEntry> domains;
    TextMap<ServiceEntry> services;
    std::shared_ptr<const Directory> directory[2]; ///< by Component; shared with askers

    HookChain* chain(std::string_view hook); ///< the kernel's or another, made when missing
    const HookChain* find_chain(std::string_view hook) const;

    bool is_paused(const PluginInstance& instance) const;
    /// Asked of interfaces that the kernel itself uses on behalf of others.
    const ServiceEntry* find_service(std::string_view interface) const;

    static std::shared_ptr<const RouteTable> build(
        std::vector<std::shared_ptr<PluginInstance>> instances);
    /// The same, but what would reach those of `paused` waits.
    static std::shared_ptr<const RouteTable> build_pausing(
        std::vector<std::shared_ptr<PluginInstance>> instances,
        std::vector<const PluginInstance*> paused);

private:
    std::vector<const PluginInstance*> paused_;
};

}
