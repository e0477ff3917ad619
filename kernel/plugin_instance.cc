// The end of an instance: first what it registered, then the object, then perhaps its code.
#include "plugin_instance.h"

#include "context.h"
#include "generation.h"
#include "plugin_process.h"
#include "plugin_task.h"
#include "server.h"
#include "virtual_host.h"

namespace nuncio::kernel {

PluginInstance::PluginInstance(
    std::string name, VirtualHost& host, std::shared_ptr<Generation> generation)
    : name_(std::move(name))
    , host_(host)
    , generation_(std::move(generation))
{
}

PluginInstance::~PluginInstance()
{
    // Handlers refer to the plugin object, and their code is the plugin's.
    const InPlugin inside(*this, Part::end);
    registrations_ = {};
    parts_.reset();
}

void PluginInstance::make_parts(PoolBacklog& pool, Value settings, std::unique_ptr<Log> log)
{
    using Kind = HandlerMeter::Kind;
    constexpr Kind kinds[part_count]
        = { Kind::start, Kind::end, Kind::service, Kind::timer, Kind::task, Kind::job };
    for (std::size_t i = 0; i < part_count; ++i)
        meters_[i] = &find_meter(kinds[i], {});
    parts_ = std::make_unique<Parts>(*this, pool, std::move(settings), std::move(log));
}

void PluginInstance::add_process(PluginProcess& process)
{
    const std::lock_guard lock(process_mutex_);
    processes_.push_back(&process);
}

void PluginInstance::remove_process(const PluginProcess& process)
{
    const std::lock_guard lock(process_mutex_);
    std::erase(processes_, &process);
}

void PluginInstance::retire_processes(const KernelLoop& loop)
{
    const std::lock_guard lock(process_mutex_);
    for (PluginProcess* const process : processes_)
        if (&process->loop() == &loop)
            process->retire();
}

HandlerMeter& PluginInstance::find_meter(HandlerMeter::Kind kind, std::string handler)
{
    return host_->server().meters().meter(
        { std::string(host_->domain()), name_, kind, std::move(handler) });
}

void PluginInstance::name_meters()
{
    using Kind = HandlerMeter::Kind;
    // Loops read them already when the instance is kept, so what is there is not written again.
    const auto name = [this](auto& handlers, Kind kind, auto text_of) {
        for (auto& handler : handlers)
            if (!handler.meter)
                handler.meter = &find_meter(kind, std::string(text_of(handler)));
    };
    name(registrations_.hooks, Kind::hook, [](const auto& hook) { return hook.hook; });
    name(registrations_.iq_handlers, Kind::iq, [](const auto& handler) {
        return (handler.component == Component::local ? "server " : "account ") + handler.ns;
    });
    name(registrations_.domains, Kind::domain, [](const auto& domain) { return domain.domain; });
    name(registrations_.commands, Kind::command,
        [](const auto& entry) { return entry.command.name; });
}

void PluginInstance::leave_with(std::shared_ptr<const Services> services)
{
    owned_services_ = std::move(services);
    leaving_services_.store(owned_services_.get(), std::memory_order_release);
}

void* PluginInstance::find_leaving(std::string_view interface) const
{
    const Services* const services = leaving_services_.load(std::memory_order_acquire);
    if (!services)
        return nullptr;
    const auto found = services->find(interface);
    return found == services->end() ? nullptr : found->second;
}

Log& PluginInstance::log()
{
    return parts_->context.log();
}

}
