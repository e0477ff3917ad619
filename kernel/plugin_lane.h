// A plugin's own threads: a worker pool whose jobs keep the instance.
#pragma once

#include "worker_pool.h"

#include <nuncio/lane.h>

namespace nuncio::kernel {

class PluginInstance;

class PluginLane final : public Lane {
public:
    PluginLane(PluginInstance& instance, const LaneOptions& options);
    ~PluginLane() override;

    bool submit(Function<void()> job) override;
    std::size_t waiting() const override { return pool_.waiting(); }

private:
    PluginInstance& instance_;
    WorkerPool pool_;
};

}
