#include "changed_by_hand.h"

#include "plugin_plan.h"
#include "server.h"
#include "virtual_host.h"

namespace nuncio::kernel {

ChangedByHand changed_by_hand(VirtualHost& host, const HostSettings& next)
{
    const Quarantine& quarantine = host.server().quarantine();
    const auto enabled = allowed_by(quarantine, host, host.settings());
    const auto wanted = allowed_by(quarantine, host, next);
    ChangedByHand changed;
    for (const auto& instance : host.published()->instances)
        if (!enabled.contains(instance->name()) && !wanted.contains(instance->name()))
            changed.loaded.push_back(instance->name());
    for (const auto& [name, table] : wanted)
        if (enabled.contains(name) && !runs_on(host, name))
            changed.unloaded.push_back(name);
    return changed;
}

}
