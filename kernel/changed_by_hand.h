// What `plugin load` and `plugin unload` have changed on a host, against its configuration.
#pragma once

#include "settings.h"

#include <string>
#include <vector>

namespace nuncio::kernel {

class VirtualHost;

/// By name. A reload of the configuration undoes it.
struct ChangedByHand {
    std::vector<std::string> loaded; ///< runs, and is not enabled
    std::vector<std::string> unloaded; ///< is enabled, and does not run (perhaps it did not start)
};

/// Main thread. What `next` says otherwise than the settings of now is nobody's doing by hand.
ChangedByHand changed_by_hand(VirtualHost& host, const HostSettings& next);

}
