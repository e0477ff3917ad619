// One instance that takes the place of another of its name, and what it inherits.
#pragma once

#include "plugin_instance.h"

#include <nuncio/snapshot.h>

#include <functional>
#include <memory>

namespace nuncio::kernel {

/// Main thread, while nothing of `former` is under way and nothing reaches `heir` yet. What either
/// throws is an error.
struct Succession {
    std::shared_ptr<PluginInstance> former, heir; // shared: with the tables and the plans

    bool has_inheritance() const;
    /// Two drivers beside each other would write in any order, so they follow each other in any
    /// case.
    bool is_of_storage() const;
    Result<void> save(Snapshot& snapshot) const;
    Result<void> restore(const Snapshot& snapshot) const;
};

/// Makes the values of the heirs' carried slots from those of the former instances, each on its
/// own loop; these stay as they are. All instances are of one host. `done` runs on the main loop
/// with the first error.
void carry_slots(
    const std::vector<Succession>& successions, std::function<void(Result<void>)> done);

}
