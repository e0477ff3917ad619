#include "plugin_lane.h"

#include "plugin_task.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>

namespace nuncio::kernel {

namespace {

    constexpr std::uint32_t most_threads = 64;

}

PluginLane::PluginLane(PluginInstance& instance, const LaneOptions& options)
    : instance_(instance)
    , pool_({ .name = options.name,
          .threads = std::clamp<std::size_t>(options.threads, 1, most_threads),
          .queue_limit = options.queue,
          .watched = &instance.host().server().threads() })
{
    instance_.host().server().lanes().add(pool_);
}

PluginLane::~PluginLane()
{
    instance_.host().server().lanes().remove(pool_);
}

bool PluginLane::submit(Function<void()> job)
{
    Function<void()> kept = [this, held = Lease(instance_), job = std::move(job)]() mutable {
        run_guarded(instance_, Leased::Part::job, "a job of a lane", job);
        job = nullptr; // the plugin's captures end before the lease
    };
    return pool_.submit(kept);
}

}
