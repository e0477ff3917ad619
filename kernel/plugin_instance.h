// One plugin object on one virtual host, what it registered, and the leases that keep it.
#pragma once

#include "handler_meter.h"
#include "host_ref.h"
#include "lease.h"

#include <nuncio/plugin.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class VirtualHost;
class Generation;
class IqQueue;
class KernelLoop;
class PluginProcess;
class PoolBacklog;

/// Everything an instance registered. Filled by Context during start, read-only once published.
struct Registrations {
    struct Hook {
        std::string hook;
        Stage stage = Stage::normal;
        Function<Flow(void*)> handler;
        HandlerMeter* meter = nullptr; ///< here and below: given by name_meters
    };
    struct IqHandler {
        Component component = Component::local;
        std::string ns;
        IqOptions options;
        Function<IqReply(const Iq&)> handler; ///< one of the two
        Function<task<IqReply>(const Iq&)> waiting_handler;
        std::shared_ptr<IqQueue> queue; ///< of the disciplines that have one; shared with its jobs
        std::shared_ptr<IqQueue> strand; ///< for when it is demoted; null: it cannot be
        HandlerMeter* meter = nullptr;
    };
    struct Domain {
        std::string domain;
        DomainOptions options;
        Function<void(Stanza)> handler;
        HandlerMeter* meter = nullptr;
    };
    struct Service {
        std::string interface;
        void* service = nullptr;
    };
    struct Slot {
        bool of_session = false;
        std::string name;
        std::uint32_t index = 0;
        detail::SlotCodec codec; ///< of slots whose values are carried across a reload
    };
    struct CommandEntry {
        Command command;
        CommandHandler handler;
        HandlerMeter* meter = nullptr;
    };
    struct Periodic {
        Duration delay;
        Function<void()> job;
        Timer timer; ///< armed at commit, on the host's home loop
    };
    // Plain vectors: nothing is added after start, so pointers into them stay valid.
    std::vector<Hook> hooks;
    std::vector<IqHandler> iq_handlers;
    std::vector<Domain> domains;
    std::vector<Service> services;
    std::vector<Slot> slots;
    std::vector<CommandEntry> commands;
    std::vector<std::unique_ptr<Periodic>> periodics;
    std::vector<std::string> features[2]; ///< by Component
    std::vector<DiscoIdentity> identities[2];
    std::vector<Element> forms[2];
    std::vector<DiscoItem> items;
    std::vector<std::string> uses; ///< interfaces asked for with Context::service
};

/// Made by the plugin host. The route tables point at it; it is destroyed only after no table does,
/// every loop has left it, and no lease is held.
class PluginInstance final : public Leased {
public:
    PluginInstance(std::string name, VirtualHost& host, std::shared_ptr<Generation> generation);
    ~PluginInstance();

    const std::string& name() const { return name_; }
    VirtualHost& host() const { return *host_; }
    Registrations& registrations() { return registrations_; }

    Generation& generation() { return *generation_; }
    /// Named after the instance.
    Log& log();

    struct Parts; ///< context, plugin object: of the plugin host
    void make_parts(PoolBacklog& pool, Value settings, std::unique_ptr<Log> log);
    Parts& parts() { return *parts_; }
    /// Main thread, before a table without this instance is published: services of those that leave
    /// together with it. Its tasks may come back to one, which is there as long as they are.
    using Services = std::map<std::string, void*, std::less<>>; // by interface
    void leave_with(std::shared_ptr<const Services> services);
    /// Any thread: null while it does not leave, or when nobody with it offered that.
    void* find_leaving(std::string_view interface) const;

    /// Main thread, before what it registered is published: every handler is measured from then on.
    void name_meters();

    /// Its child processes, made and dropped on any thread.
    void add_process(PluginProcess& process);
    void remove_process(const PluginProcess& process);
    /// On this loop, once nothing of the instance's is under way: its processes there are ended
    /// and call it no more.
    void retire_processes(const KernelLoop& loop);

private:
    HandlerMeter& find_meter(HandlerMeter::Kind kind, std::string handler);

    std::string name_;
    const HostRef host_;
    std::shared_ptr<Generation> generation_; // shared: the mapped code outlives its last instance
    std::unique_ptr<Parts> parts_;
    Registrations registrations_;
    std::mutex process_mutex_;
    std::vector<PluginProcess*> processes_; // guarded
    std::shared_ptr<const Services> owned_services_; // shared: with those that leave together
    std::atomic<const Services*> leaving_services_ = nullptr; // of the same, once it leaves
};

/// Marks this thread as running the instance's code, for as long as it lives, and measures it.
class InPlugin {
public:
    InPlugin(PluginInstance& instance, HandlerMeter* meter)
        : run_(meter)
        , before_(exchange_current_plugin(static_cast<Leased*>(&instance)))
    {
    }
    explicit InPlugin(PluginInstance& instance, Leased::Part part = Leased::Part::task)
        : InPlugin(instance, instance.meter(part))
    {
    }
    ~InPlugin() { exchange_current_plugin(before_); }
    InPlugin(const InPlugin&) = delete;
    InPlugin& operator=(const InPlugin&) = delete;

private:
    MeteredRun run_;
    void* before_;
};

}
