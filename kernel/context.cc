// Registering, and what a running instance asks for.
#include "context.h"

#include "command_registry.h"
#include "generation.h"
#include "iq_dispatch.h"
#include "iq_queue.h"
#include "plugin_lane.h"
#include "plugin_process.h"
#include "plugin_task.h"
#include "pool_backlog.h"
#include "server.h"
#include "virtual_host.h"

#include <nuncio/auth.h>

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

namespace nuncio::kernel {

namespace {

    bool is_on_loop()
    {
        return Loop::current() != nullptr;
    }

    Error taken(std::string_view what, std::string_view which, const std::string& owner)
    {
        return { std::string(what) + ' ' + std::string(which) + " belongs to the plugin " + owner
                + " on this host: enable only one of the two",
            Error::Kind::conflict };
    }

}

InstanceContext::InstanceContext(
    PluginInstance& instance, PoolBacklog& pool, std::unique_ptr<Log> log)
    : instance_(instance)
    , pool_(pool)
    , log_(std::move(log))
    , commands_(instance)
{
}

void InstanceContext::begin(const Neighbours& neighbours)
{
    neighbours_ = &neighbours;
}

Result<void> InstanceContext::end()
{
    if (!failure_)
        for (const std::string& promised : instance_.generation().note().provides)
            if (std::ranges::none_of(made().services, [&](const Registrations::Service& service) {
                    return service.interface == promised;
                }))
                fail({ "its note says that it provides " + promised
                        + ", but its start offered no such service",
                    Error::Kind::internal });
    neighbours_ = nullptr;
    if (failure_)
        return *failure_;
    return {};
}

const InstanceContext::Neighbours* InstanceContext::neighbours() const
{
    const Loop* const main = &instance_.host().server().main_loop();
    return Loop::current() == main ? neighbours_ : nullptr;
}

void InstanceContext::admit()
{
    const std::lock_guard lock(spawn_mutex_);
    is_admitted_.store(true, std::memory_order_release);
}

void InstanceContext::commit()
{
    // Since it was admitted nobody adds to what was spawned.
    if (made().periodics.empty() && spawned_.empty())
        return;
    host().home(host().jid()).post([this, held = Lease(instance_)] {
        for (const auto& periodic : made().periodics) {
            // The timer is the kernel's, and becomes the plugin's for each run.
            periodic->timer = Loop::current()->every(periodic->delay, [this, job = &periodic->job] {
                // What it changed now would not be handed over; the next generation repeats it.
                if (!instance_.host().table().is_paused(instance_))
                    run_guarded(instance_, Leased::Part::timer, "a periodic job", *job);
            });
        }
        for (task<void>& job : std::exchange(spawned_, {}))
            run_task(instance_, std::move(job));
    });
}

bool InstanceContext::may_register(std::string_view what)
{
    if (neighbours())
        return true;
    log_->error("{} was registered outside of start: ignored", what);
    return false;
}

void InstanceContext::fail(Error error)
{
    if (!failure_)
        failure_ = std::move(error);
}

template <class Test>
PluginInstance* InstanceContext::owner(Test test) const
{
    if (test(instance_.registrations()))
        return &instance_;
    const auto found = std::ranges::find_if(neighbours_->instances,
        [&](PluginInstance* other) { return test(other->registrations()); });
    return found == neighbours_->instances.end() ? nullptr : *found;
}

Host& InstanceContext::host()
{
    return instance_.host();
}

void InstanceContext::feature(Component component, std::string_view ns)
{
    if (may_register("a feature"))
        made().features[static_cast<std::size_t>(component)].emplace_back(ns);
}

void InstanceContext::identity(Component component, DiscoIdentity identity)
{
    if (may_register("an identity"))
        made().identities[static_cast<std::size_t>(component)].push_back(std::move(identity));
}

void InstanceContext::item(DiscoItem item)
{
    if (may_register("an item"))
        made().items.push_back(std::move(item));
}

void InstanceContext::form(Component component, Element form)
{
    if (may_register("a form"))
        made().forms[static_cast<std::size_t>(component)].push_back(std::move(form));
}

Store InstanceContext::store(std::string_view name)
{
    bool has_driver = false;
    if (const Neighbours* const starting = neighbours()) {
        for (PluginInstance* other : starting->instances)
            for (const auto& service : other->registrations().services)
                has_driver = has_driver || service.interface == StorageDriver::interface;
    } else if (is_on_loop()) {
        has_driver = instance_.host().table().find_service(StorageDriver::interface) != nullptr;
    }
    if (!has_driver) {
        fail({ "it needs a store, but no storage driver runs on this host: enable "
               "storage-sqlite, and say requires=storage/1 in the plugin",
            Error::Kind::not_found });
        return {};
    }
    const auto& required = instance_.generation().note().requires_;
    if (std::ranges::find(required, StorageDriver::interface) == required.end())
        fail({ "it keeps a store without requires=storage/1 in its note, so the driver could be "
               "unloaded under it",
            Error::Kind::internal });
    const std::string& plugin = instance_.name();
    const bool is_main = name.empty() || name == plugin;
    return Store(instance_.host().storage(), is_main ? plugin : plugin + '.' + std::string(name));
}

std::string InstanceContext::data_folder()
{
    // Domains and plugin names hold no slash: both were prepared or checked.
    const auto folder = std::filesystem::path(instance_.host().server().settings().data_dir)
        / "hosts" / std::string(host().domain()) / instance_.name();
    std::error_code failure;
    std::filesystem::create_directories(folder.parent_path(), failure);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        fail({ folder.string() + ": cannot be made: " + std::generic_category().message(errno),
            Error::Kind::unavailable });
    return folder.string();
}

void InstanceContext::command(Command command, CommandHandler handler)
{
    if (!may_register("a command"))
        return;
    auto names = command.aliases;
    names.push_back(command.name);
    for (const std::string& name : names)
        if (PluginInstance* other = owner([&](const Registrations& theirs) {
                return std::ranges::any_of(theirs.commands,
                    [&](const auto& entry) { return answers_to(entry.command, name); });
            }))
            return fail(taken("the command", name, other->name()));
    made().commands.push_back({ std::move(command), std::move(handler) });
}

void InstanceContext::spawn(task<void> job)
{
    if (!is_admitted_.load(std::memory_order_acquire)) {
        // A job that `start` has begun may get here on any thread, before or after it is admitted.
        const std::lock_guard lock(spawn_mutex_);
        if (!is_admitted_.load(std::memory_order_relaxed)) {
            spawned_.push_back(std::move(job));
            return;
        }
    }
    if (is_on_loop())
        run_task(instance_, std::move(job));
    else
        host()
            .home(host().jid())
            .post([this, held = Lease(instance_), job = std::move(job)]() mutable {
                run_task(instance_, std::move(job));
            });
}

void InstanceContext::every(Duration delay, Function<void()> job)
{
    if (!may_register("a periodic job"))
        return;
    auto periodic = std::make_unique<Registrations::Periodic>();
    periodic->delay = delay;
    periodic->job = std::move(job);
    made().periodics.push_back(std::move(periodic));
}

void InstanceContext::add_hook(std::string_view hook, Stage stage, Function<Flow(void*)> handler)
{
    if (may_register(hook))
        made().hooks.push_back({ std::string(hook), stage, std::move(handler) });
}

Flow InstanceContext::run_hook(std::string_view hook, void* event)
{
    if (!is_on_loop())
        return Flow::next;
    const HookChain* chain = instance_.host().table().find_chain(hook);
    return chain ? run_chain(*chain, event) : Flow::next;
}

void InstanceContext::add_iq(Component component, std::string_view ns, IqOptions options,
    Function<IqReply(const Iq&)> handler, Function<task<IqReply>(const Iq&)> waiting_handler)
{
    if (!may_register(ns))
        return;
    if (ns.empty())
        return fail({ "it registered an iq handler without a namespace", Error::Kind::internal });
    if (PluginInstance* other = owner([&](const Registrations& theirs) {
            return std::ranges::any_of(theirs.iq_handlers,
                [&](const auto& entry) { return entry.component == component && entry.ns == ns; });
        }))
        return fail(taken(
            component == Component::local ? "the server's iq namespace" : "the users' iq namespace",
            ns, other->name()));

    Registrations::IqHandler entry;
    entry.component = component;
    entry.ns = ns;
    entry.options = options;
    entry.options.discipline = discipline_for(ns, options.discipline);
    entry.handler = std::move(handler);
    entry.waiting_handler = std::move(waiting_handler);
    entry.queue = make_iq_queue(entry, options.discipline, pool_);
    entry.strand = make_strand(entry, pool_);
    made().iq_handlers.push_back(std::move(entry));
}

Discipline InstanceContext::discipline_for(std::string_view ns, Discipline wanted)
{
    const Value* const chosen = neighbours_->settings->iq_disciplines.find(ns);
    if (!chosen)
        return wanted;
    const auto parsed = parse_discipline(chosen->as_string());
    if (parsed)
        return *parsed;
    const std::string place = chosen->place().text();
    log_->warn("{}{}; {} keeps the plugin's own", place.empty() ? "" : place + ": ",
        parsed.error().text, ns);
    return wanted;
}

void InstanceContext::add_domain(
    std::string_view label, DomainOptions options, Function<void(Stanza)> handler)
{
    if (!may_register(label))
        return;
    const bool is_whole = label.find('.') != label.npos;
    auto domain = prepare_domain(
        is_whole ? std::string(label) : std::string(label) + '.' + std::string(host().domain()));
    if (!domain)
        return fail({ "it wants the domain " + std::string(label) + ": " + domain.error().text });
    const auto owns = [&](const Registrations& theirs) {
        return std::ranges::any_of(
            theirs.domains, [&](const auto& entry) { return entry.domain == *domain; });
    };
    if (PluginInstance* other = owner(owns))
        return fail(taken("the domain", *domain, other->name()));
    for (const auto& other : instance_.host().server().hosts()) {
        if (other->domain() == *domain)
            return fail(
                { "the domain " + *domain + " is a host of this server", Error::Kind::conflict });
        if (other.get() == &instance_.host())
            continue;
        for (const auto& theirs : other->published()->instances)
            if (owns(theirs->registrations()))
                return fail({ "the domain " + *domain + " belongs to the plugin " + theirs->name()
                        + " of the host " + std::string(other->domain()),
                    Error::Kind::conflict });
    }
    made().domains.push_back({ std::move(*domain), std::move(options), std::move(handler) });
}

std::uint32_t InstanceContext::add_slot(bool of_session, std::string_view name)
{
    return add_carried_slot(of_session, name, {});
}

std::uint32_t InstanceContext::add_carried_slot(
    bool of_session, std::string_view name, detail::SlotCodec codec)
{
    const std::uint32_t index = instance_.host().next_slot();
    if (may_register(name))
        made().slots.push_back({ of_session, std::string(name), index, codec });
    return index;
}

void InstanceContext::add_service(std::string_view interface, void* service)
{
    if (!may_register(interface))
        return;
    const auto provides = [&](const Registrations& theirs) {
        return std::ranges::any_of(
            theirs.services, [&](const auto& other) { return other.interface == interface; });
    };
    // Auth backends form a chain; of everything else there is one.
    if (PluginInstance* other = owner(provides);
        other && (other == &instance_ || interface != AuthBackend::interface))
        return fail(taken("the service", interface, other->name()));
    const auto& promised = instance_.generation().note().provides;
    if (std::ranges::find(promised, interface) == promised.end())
        log_->warn("offers {} without saying provides={} in its note: who requires it cannot be "
                   "started after it",
            interface, interface);
    made().services.push_back({ std::string(interface), service });
}

Function<void*()> InstanceContext::service_finder(std::string_view interface)
{
    if (neighbours())
        made().uses.emplace_back(interface);
    return [&instance = instance_, interface = std::string(interface)]() -> void* {
        // Worker threads have no table: what a service does belongs on a loop.
        if (!is_on_loop())
            return nullptr;
        const ServiceEntry* const found = instance.host().table().find_service(interface);
        return found ? found->service : instance.find_leaving(interface);
    };
}

std::unique_ptr<Lane> InstanceContext::lane(LaneOptions options)
{
    return std::make_unique<PluginLane>(instance_, options);
}

std::unique_ptr<Process> InstanceContext::make_process(
    Loop& loop, ProcessOptions options, ProcessEvents events)
{
    return std::make_unique<PluginProcess>(
        instance_, static_cast<KernelLoop&>(loop), std::move(options), std::move(events));
}

void InstanceContext::run_in_pool(Function<void()> job)
{
    pool_.run([this, held = Lease(instance_), job = std::move(job)]() mutable {
        run_guarded(instance_, Leased::Part::job, "a job in the worker pool", job);
        job = nullptr; // the plugin's captures end before the lease
    });
}

}
