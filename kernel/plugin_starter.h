// Building a host's next set of instances beside the one that serves.
#pragma once

#include "generation.h"
#include "plugin_instance.h"
#include "settings.h"

#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

class PoolBacklog;
class VirtualHost;

using Instances = std::vector<std::shared_ptr<PluginInstance>>; // shared: by tables

/// What shall change on one host.
struct HostChange {
    struct New {
        std::shared_ptr<Generation> generation; // shared: by all hosts
        Value table;
    };
    VirtualHost* host = nullptr;
    HostSettings settings; ///< that hold after the change
    Instances kept, leaving; ///< in the order of their start
    std::vector<New> added;

    bool is_empty() const { return leaving.empty() && added.empty(); }
};

enum class OnFailure {
    give_up, ///< the first failure is the answer, and what was started ends again
    leave_out, ///< who fails, and who needs it, is left out and logged
};

/// The instances of the host after the change, in the order of their start. New ones have started,
/// but nothing of theirs is visible yet. `in_vain` takes those that began to start and are not
/// among them, in that order, too: jobs of theirs may be under way, so they end by a Retirement.
Result<Instances> build_instances(
    const HostChange& change, OnFailure on_failure, PoolBacklog& pool, Instances& in_vain);

}
