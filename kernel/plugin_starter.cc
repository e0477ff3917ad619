// Making, configuring and starting instances in dependency order.
#include "plugin_starter.h"

#include "context.h"
#include "log_sink.h"
#include "plugin_order.h"
#include "plugin_task.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>

namespace nuncio::kernel {

namespace {

    Result<void> run_start(PluginInstance& instance, const InstanceContext::Neighbours& neighbours)
    {
        PluginInstance::Parts& parts = instance.parts();
        const Descriptor& descriptor = instance.generation().descriptor();
        const InPlugin inside(instance, Leased::Part::start);
        try {
            parts.plugin = descriptor.make();
            const Config config(descriptor.schema(), parts.table);
            if (auto configured = parts.plugin->configure(config); !configured)
                return configured;
            parts.context.begin(neighbours);
            auto started = parts.plugin->start(parts.context);
            auto registered = parts.context.end();
            const auto& fault = instance.host().server().options().fault;
            if (started && registered && fault)
                return fault(instance.name(), Server::Options::Call::start);
            return started ? registered : started;
        } catch (...) {
            (void)parts.context.end();
            return Error { "threw: " + thrown_text(), Error::Kind::internal };
        }
    }

    Result<std::shared_ptr<PluginInstance>> start_instance(const HostChange& change,
        const HostChange::New& added, const Instances& neighbours, PoolBacklog& pool,
        Instances& in_vain)
    {
        VirtualHost& host = *change.host;
        const std::string& name = added.generation->note().name;
        auto instance // shared: by the tables of all loops
            = std::make_shared<PluginInstance>(name, host, added.generation);
        instance->make_parts(pool, added.table,
            host.server().logs().log("plugin." + name + '@' + std::string(host.domain())));
        InstanceContext::Neighbours all { {}, &change.settings };
        for (const auto& other : neighbours)
            all.instances.push_back(other.get());
        auto started = run_start(*instance, all);
        if (started)
            return instance;
        in_vain.push_back(std::move(instance));
        return Error { "plugin " + name + " does not start on " + std::string(host.domain()) + ": "
                + started.error().text,
            started.error().kind };
    }

    /// The requirement that nobody of `instances` provides, or null: a provider may have failed.
    const std::string* unmet(const PluginNote& note, const Instances& instances)
    {
        for (const std::string& needed : note.requires_)
            if (std::ranges::none_of(instances, [&](const auto& other) {
                    const auto& provides = other->generation().note().provides;
                    return std::ranges::find(provides, needed) != provides.end();
                }))
                return &needed;
        return nullptr;
    }

}

Result<Instances> build_instances(
    const HostChange& change, OnFailure on_failure, PoolBacklog& pool, Instances& in_vain)
{
    const std::string domain(change.host->domain());
    Log& log = change.host->server().log();
    std::vector<const PluginNote*> notes; // of the kept, then of the new
    for (const auto& kept : change.kept)
        notes.push_back(&kept->generation().note());
    for (const auto& added : change.added)
        notes.push_back(&added.generation->note());

    const PluginOrder order = order_plugins(notes);
    for (const auto& [index, reason] : order.left_out) {
        const std::string text
            = "plugin " + notes[index]->name + " cannot run on " + domain + ": it " + reason;
        if (on_failure == OnFailure::give_up)
            return Error { text, Error::Kind::conflict };
        log.error("{}", text);
    }

    Instances running = change.kept; // with whom a new one has to get along
    Instances fresh, next;
    for (const std::size_t index : order.order) {
        if (index < change.kept.size()) {
            next.push_back(change.kept[index]);
            continue;
        }
        const auto& added = change.added[index - change.kept.size()];
        const std::string* missing = unmet(*notes[index], running);
        auto started = missing ? Result<std::shared_ptr<PluginInstance>>(
                           Error { "plugin " + notes[index]->name + " is left out on " + domain
                                   + ": it requires " + *missing + ", whose provider did not start",
                               Error::Kind::unavailable })
                               : start_instance(change, added, running, pool, in_vain);
        if (started) {
            running.push_back(*started);
            fresh.push_back(*started);
            next.push_back(std::move(*started));
            continue;
        }
        if (on_failure == OnFailure::give_up) {
            // The one that failed came last.
            in_vain.insert(in_vain.begin(), fresh.begin(), fresh.end());
            return started.error();
        }
        log.error("{}", started.error().text);
    }
    return next;
}

}
