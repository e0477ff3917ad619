// Finds, checks, maps, starts and ends plugins; builds the route tables.
#pragma once

#include "plugin_note.h"
#include "plugin_plan.h"
#include "settings.h"

#include <nuncio/result.h>
#include <nuncio/schema.h>
#include <nuncio/value.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::kernel {

class Server;
class VirtualHost;

/// Main thread only.
class PluginHost {
public:
    explicit PluginHost(Server& server);
    ~PluginHost();

    /// The file of a plugin by name, from the search path (and the auth-backends folder beside
    /// each).
    Result<PluginNote> find(const std::string& name) const;
    /// All that could be enabled, by name; files with a broken note are left out.
    std::vector<PluginNote> available() const;
    /// The options of a plugin, for configuration checks: opens the file when its note is accepted.
    /// Valid until the next call about the same plugin.
    Result<const Schema*> schema(const std::string& name);

    /// At start: brings up all enabled plugins of all hosts in dependency order, then publishes
    /// each host's table once. A plugin that fails is left out and logged, with those that need it.
    Result<void> start_all();

    using Done = std::function<void(Result<void>)>;
    /// Loads an enabled or named plugin on every host that wants it (or on `domain` only).
    void load(const std::string& name, const std::string& domain, Done done);
    /// Ends its instances everywhere (or on `domain`), then unmaps.
    void unload(
        const std::string& name, const std::string& domain, Dependents dependents, Done done);
    /// Puts the file on disk in place of the generation that runs, on every host at once. Answers
    /// what was done; an error names the step that failed, and the former generation goes on.
    struct ReloadOptions {
        std::optional<Duration> pause {}; ///< in place of limits.handover_time
        bool drops_state = false; ///< the new generation begins with nothing, and nobody waits
    };
    void reload(
        const std::string& name, ReloadOptions options, std::function<void(Result<Value>)> done);
    /// Reloads every plugin whose file on disk is another than the one that runs, and fits. Answers
    /// a row for each that differs: what was done, or why not. Never makes anything worse.
    void refresh(std::function<void(Value::Array)> done);
    /// Where it looks for files, for who watches them.
    const std::vector<std::string>& folders() const;
    /// New settings after a reload: instances whose merged table changed are built beside the old
    /// ones and switched.
    void reconfigure(VirtualHost& host, const HostSettings& settings, Done done);
    /// For hosts that are not served yet: starts all that they enable, in one transaction. A
    /// failure names the plugin, and nothing of them runs then.
    void start(const std::vector<VirtualHost*>& hosts, Done done);
    /// Whether something of plugins that serve no more is still under way there.
    bool is_ending_on(const VirtualHost& host) const;
    /// Ends everything on a host that is about to go. All of it happens in one turn, so that no
    /// other change of plugins meets the host on its way: `first` begins it and calls what it is
    /// given once nothing leads to the host any more. `done` hears whether something was pinned.
    enum class Ending { complete, pinned };
    void end(VirtualHost& host, std::function<void(std::function<void()> go_on)> first,
        std::function<void(Ending)> done);
    /// Ends everything, in reverse order.
    void stop_all(Done done);

    /// How long load, unload and reconfigure wait for tasks under way before they leave them
    /// behind, pinned.
    void set_patience(Duration patience);

    /// For `plugin list`: name, version, file, hosts, leases, state, generation.
    Value list() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}
