// What a load, an unload, a reload or new settings change on each host: found out, not done yet.
#pragma once

#include "plugin_starter.h"

#include <map>
#include <string>
#include <vector>

namespace nuncio::kernel {

class PluginFiles;
class Quarantine;
class Server;
class VirtualHost;

/// Main thread. What a plan opens is dropped with it when it is not carried out.
struct PluginPlan {
    std::vector<HostChange> changes;
    /// Generations that the files have to count as in use once the change has happened.
    std::vector<std::shared_ptr<Generation>> renewed; // shared: with their instances
};

/// On hosts that enable the plugin; on all when none does; or on `domain` only.
Result<PluginPlan> plan_load(
    Server& server, PluginFiles& files, const std::string& name, const std::string& domain);

enum class Dependents {
    refuse, ///< while anybody needs the plugin it stays
    unload, ///< who needs it goes with it
};
Result<PluginPlan> plan_unload(
    Server& server, const std::string& name, const std::string& domain, Dependents dependents);

/// The file on disk in place of the generation that runs, on all hosts where it does. Those that
/// use its services find the new one by themselves; those that require an interface which it
/// provides no more are replaced with it, by their files on disk.
Result<PluginPlan> plan_reload(Server& server, PluginFiles& files, const std::string& name);

/// What differs between the running instances of a host and `settings`.
Result<PluginPlan> plan_reconfigure(PluginFiles& files, VirtualHost& host, HostSettings settings);

/// Everything that new hosts enable, on all of them at once.
Result<PluginPlan> plan_start(
    Server& server, PluginFiles& files, const std::vector<VirtualHost*>& hosts);

/// Nothing runs on these hosts any more.
PluginPlan plan_stop(const std::vector<VirtualHost*>& hosts);

/// No change of a host, to begin with.
HostChange no_change(VirtualHost& host);
/// The plugins that a host's settings name, with their tables: auth backends need not be enabled
/// apart.
std::map<std::string, Value> wanted_by(const HostSettings& settings);
/// The same without those that are kept out.
std::map<std::string, Value> allowed_by(
    const Quarantine& quarantine, const VirtualHost& host, const HostSettings& settings);
bool runs_on(const VirtualHost& host, const std::string& name);

}
