// What a plugin instance may ask of its host: everything registered here ends with the instance.
#pragma once

#include <nuncio/command.h>
#include <nuncio/disco.h>
#include <nuncio/event.h>
#include <nuncio/host.h>
#include <nuncio/iq.h>
#include <nuncio/lane.h>
#include <nuncio/log.h>
#include <nuncio/process.h>
#include <nuncio/storage.h>
#include <nuncio/task.h>

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nuncio::inline v1 {

/// A service of another plugin that may come and go. Holds no claim: ask before every use, on any
/// loop, and do not keep the pointer across a wait.
template <class T>
class ServiceRef {
public:
    ServiceRef() = default;
    explicit ServiceRef(Function<void*()> find)
        : find_(std::make_shared<Function<void*()>>(std::move(find)))
    {
    }
    T* get() const { return find_ ? static_cast<T*>((*find_)()) : nullptr; }
    explicit operator bool() const { return get() != nullptr; }
    T* operator->() const { return get(); }

private:
    std::shared_ptr<Function<void*()>> find_; // shared: references are copied into handlers
};

/// A domain that a plugin owns (`echo.example.org`), or all of a host's if it wishes.
struct DomainOptions {
    /// With an identity the kernel answers service discovery for the domain itself; without one the
    /// plugin gets these requests too.
    std::vector<DiscoIdentity> identities {};
    std::vector<std::string> features {};
    /// Listed among the host's items under this name; empty: not listed.
    std::string item_name {};
};

/// Implemented by the kernel: one for each instance, alive as long as it. Registering is possible
/// only inside Plugin::start; nothing registered is called before start has returned. Everything
/// ends with the instance: there is nothing to unregister. A registration that cannot be made
/// (namespace taken) makes the plugin's start fail with an error that names the owner.
class NUNCIO_API Context {
public:
    virtual ~Context();

    /// The virtual host that this instance is of, and its own log. Any thread; they outlive it.
    virtual Host& host() = 0;
    virtual Log& log() = 0;

    /// Calls `handler` at each `Event`. One instance's handlers run on all loops: keep what belongs
    /// to a session or account in slots, and guard what is shared.
    template <class Event, class Handler>
    requires std::is_invocable_r_v<Flow, Handler&, Event&>
    void on(Stage stage, Handler handler)
    {
        add_hook(Event::hook, stage, [handler = std::move(handler)](void* event) mutable {
            return handler(*static_cast<Event*>(event));
        });
    }
    template <class Event, class Handler>
    void on(Handler handler)
    {
        on<Event>(Stage::normal, std::move(handler));
    }
    /// Runs the handlers of a plugin's own event on this host, here and now.
    template <class Event>
    Flow emit(Event& event)
    {
        return run_hook(Event::hook, &event);
    }

    /// Answers iqs of one namespace. The handler answers `IqReply` at once, or `task<IqReply>`.
    /// What it throws is answered as internal-server-error and logged.
    template <class Handler>
    void on_iq(Component component, std::string_view ns, IqOptions options, Handler handler)
    {
        if constexpr (std::is_same_v<std::invoke_result_t<Handler&, const Iq&>, task<IqReply>>)
            add_iq(component, ns, options, nullptr,
                Function<task<IqReply>(const Iq&)>(std::move(handler)));
        else
            add_iq(
                component, ns, options, Function<IqReply(const Iq&)>(std::move(handler)), nullptr);
    }

    /// Owns `label.HOST` (or the whole domain when `label` has a dot): gets every stanza for it, on
    /// the home loop of the bare address it is for.
    template <class Handler>
    requires std::invocable<Handler&, Stanza>
    void own_domain(std::string_view label, DomainOptions options, Handler handler)
    {
        add_domain(label, std::move(options), Function<void(Stanza)>(std::move(handler)));
    }

    /// Service discovery of the server (`local`) or of users' bare JIDs (`sm`).
    virtual void feature(Component component, std::string_view ns) = 0;
    virtual void identity(Component component, DiscoIdentity identity) = 0;
    virtual void item(DiscoItem item) = 0;
    virtual void form(Component component, Element form) = 0;

    /// A slot in every session or account of the host. The value is default-made on first use,
    /// lives on the home loop, and ends with its owner or with this instance. A reload carries the
    /// values of a type with `void save(Snapshot&) const` and `restore(const Snapshot&)` to the
    /// slot of the same name of the new generation; those of other types are made anew.
    template <class T>
    SlotId<T> session_slot(std::string_view name)
    {
        if constexpr (detail::Carried<T>)
            return { add_carried_slot(true, name, detail::slot_codec<T>()) };
        else
            return { add_slot(true, name) };
    }
    template <class T>
    SlotId<T> account_slot(std::string_view name)
    {
        if constexpr (detail::Carried<T>)
            return { add_carried_slot(false, name, detail::slot_codec<T>()) };
        else
            return { add_slot(false, name) };
    }

    /// Offers `service` under T::interface to the other plugins of the host.
    template <class T>
    void provide(T& service)
    {
        add_service(T::interface, static_cast<void*>(&service));
    }
    /// Refers to whoever provides T::interface, now or later.
    template <class T>
    ServiceRef<T> service()
    {
        return ServiceRef<T>(service_finder(T::interface));
    }

    /// This plugin's store `name` on this host. Only after the storage driver started: declare
    /// `requires=storage/1`.
    virtual Store store(std::string_view name) = 0;
    /// A folder of its own for drivers that keep files; made on first use, mode 0700.
    virtual std::string data_folder() = 0;

    /// Offers a command to nuncioctl and the other fronts. The handler starts on the main loop. A
    /// name that another plugin has makes start fail.
    virtual void command(Command command, CommandHandler handler) = 0;

    /// Runs a task to its end on the current loop (the host's home loop when called from
    /// elsewhere). What it throws is logged. The instance ends only after it.
    virtual void spawn(task<void> job) = 0;
    /// Runs `job` in the worker pool and comes back with what it answers, or with what it throws.
    /// When the pool is full the task waits for room.
    template <class F>
    task<std::invoke_result_t<F&>> work(F job)
    {
        using Answer = std::invoke_result_t<F&>;
        struct Outcome {
            std::optional<std::conditional_t<std::is_void_v<Answer>, bool, Answer>> value {};
            std::exception_ptr thrown {};
        };
        Completion<Outcome> done;
        run_in_pool([job = std::move(job), done]() mutable {
            Outcome outcome;
            try {
                if constexpr (std::is_void_v<Answer>)
                    job();
                else
                    outcome.value.emplace(job());
            } catch (...) {
                outcome.thrown = std::current_exception();
            }
            done.resolve(std::move(outcome));
        });
        Outcome outcome = co_await done;
        if (outcome.thrown)
            std::rethrow_exception(std::exchange(outcome.thrown, nullptr));
        if constexpr (!std::is_void_v<Answer>)
            co_return std::move(*outcome.value);
    }

    /// Repeats on the host's home loop until the instance ends.
    virtual void every(Duration delay, Function<void()> job) = 0;

    /// Threads of its own, for a library that blocks on a service which may hang: `work` shares its
    /// threads with all plugins. Any time; dropped with the plugin object at the latest.
    virtual std::unique_ptr<Lane> lane(LaneOptions options) = 0;

    /// A place for a child process that lives on `loop`. Any time; nothing is started yet. Where
    /// the clock is moved by a test (<nuncio/testkit.h>) there are no child processes: starting
    /// one is told as a failure.
    std::unique_ptr<Process> process(Loop& loop, ProcessOptions options, ProcessEvents events)
    {
        return make_process(loop, std::move(options), std::move(events));
    }

protected:
    virtual void add_hook(std::string_view hook, Stage stage, Function<Flow(void*)> handler) = 0;
    virtual Flow run_hook(std::string_view hook, void* event) = 0;
    virtual void add_iq(Component component, std::string_view ns, IqOptions options,
        Function<IqReply(const Iq&)> handler, Function<task<IqReply>(const Iq&)> waiting_handler)
        = 0;
    virtual void add_domain(
        std::string_view label, DomainOptions options, Function<void(Stanza)> handler)
        = 0;
    virtual std::uint32_t add_slot(bool of_session, std::string_view name) = 0;
    virtual void add_service(std::string_view interface, void* service) = 0;
    virtual Function<void*()> service_finder(std::string_view interface) = 0;
    virtual void run_in_pool(Function<void()> job) = 0;
    virtual std::uint32_t add_carried_slot(
        bool of_session, std::string_view name, detail::SlotCodec codec)
        = 0;
    virtual std::unique_ptr<Process> make_process(
        Loop& loop, ProcessOptions options, ProcessEvents events)
        = 0;

public:
    /// Every command of the server and of its plugins, for one that is a front itself.
    virtual Commands& commands() = 0;
};

}
