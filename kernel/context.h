// What one instance may ask of its host: the kernel's side of <nuncio/context.h>.
#pragma once

#include "plugin_commands.h"
#include "plugin_instance.h"
#include "settings.h"

#include <nuncio/context.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::kernel {

class PoolBacklog;

/// Registers into its instance while that starts; nothing of it is visible before the table with
/// the instance is published.
class InstanceContext final : public Context {
public:
    InstanceContext(PluginInstance& instance, PoolBacklog& pool, std::unique_ptr<Log> log);

    /// Who is on the host beside a starting instance: what is kept, and what started before it.
    struct Neighbours {
        std::vector<PluginInstance*> instances;
        const HostSettings* settings = nullptr;
    };
    /// Opens the registrations for Plugin::start …
    void begin(const Neighbours& neighbours);
    /// … and closes them: the first registration that could not be made, if any.
    Result<void> end();
    /// Main thread, before the table is published: what is spawned from now on runs at once.
    void admit();
    /// Main thread, once the table is published: starts what was to repeat and what was spawned.
    void commit();

    // Context
    Host& host() override;
    Log& log() override { return *log_; }
    void feature(Component component, std::string_view ns) override;
    void identity(Component component, DiscoIdentity identity) override;
    void item(DiscoItem item) override;
    void form(Component component, Element form) override;
    Store store(std::string_view name) override;
    std::string data_folder() override;
    void command(Command command, CommandHandler handler) override;
    void spawn(task<void> job) override;
    void every(Duration delay, Function<void()> job) override;
    std::unique_ptr<Lane> lane(LaneOptions options) override;
    Commands& commands() override { return commands_; }

protected:
    void add_hook(std::string_view hook, Stage stage, Function<Flow(void*)> handler) override;
    Flow run_hook(std::string_view hook, void* event) override;
    void add_iq(Component component, std::string_view ns, IqOptions options,
        Function<IqReply(const Iq&)> handler,
        Function<task<IqReply>(const Iq&)> waiting_handler) override;
    void add_domain(
        std::string_view label, DomainOptions options, Function<void(Stanza)> handler) override;
    std::uint32_t add_slot(bool of_session, std::string_view name) override;
    void add_service(std::string_view interface, void* service) override;
    Function<void*()> service_finder(std::string_view interface) override;
    void run_in_pool(Function<void()> job) override;
    std::uint32_t add_carried_slot(
        bool of_session, std::string_view name, detail::SlotCodec codec) override;
    std::unique_ptr<Process> make_process(
        Loop& loop, ProcessOptions options, ProcessEvents events) override;

private:
    /// While it starts, and for nobody but `start` itself: not for jobs that it has begun.
    const Neighbours* neighbours() const;
    bool may_register(std::string_view what);
    void fail(Error error);
    /// The neighbour of whom `test` is true, or null.
    template <class Test>
    PluginInstance* owner(Test test) const;
    Discipline discipline_for(std::string_view ns, Discipline wanted);
    Registrations& made() { return instance_.registrations(); }

    PluginInstance& instance_;
    PoolBacklog& pool_;
    std::unique_ptr<Log> log_;
    PluginCommands commands_;
    const Neighbours* neighbours_ = nullptr; // of the main thread
    std::optional<Error> failure_;
    std::mutex spawn_mutex_;
    std::atomic<bool> is_admitted_ = false; // set with the mutex
    std::vector<task<void>> spawned_; // guarded: until admitted
};

/// What the plugin host keeps of an instance. Ends in the reverse order.
struct PluginInstance::Parts {
    Parts(PluginInstance& instance, PoolBacklog& pool, Value settings, std::unique_ptr<Log> log)
        : table(std::move(settings))
        , context(instance, pool, std::move(log))
    {
    }
    Value table; ///< what it was configured with
    InstanceContext context;
    std::unique_ptr<Plugin> plugin;
};

}
