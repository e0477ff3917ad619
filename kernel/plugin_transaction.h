// One change of what runs: staged, built beside what serves, switched as a whole, or not at all.
#pragma once

#include "plugin_starter.h"
#include "retirement.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class PoolBacklog;
class Server;

/// Main thread only, driven from its loop, one at a time. Until the switch the former instances
/// serve, and a failure leaves them as they were; from the switch on nothing can fail.
class PluginTransaction {
public:
    enum class Step {
        stage, ///< the file is found, copied, checked and mapped
        build, ///< the new instances are made, configured and started, where nobody sees them
        change_over, ///< every loop takes the new table
        drain, ///< what the former instances had under way comes to its end
    };
    struct Bounds {
        Duration patience = 30s; ///< of the drain, before it leaves something behind, pinned
    };
    /// What it took, for the report.
    struct Figures {
        bool is_pinned = false; ///< something of the former instances is still under way
    };
    using Done = std::function<void(Result<Figures>)>;

    PluginTransaction(
        Server& server, PoolBacklog& pool, std::vector<HostChange> changes, Bounds bounds);
    ~PluginTransaction();
    PluginTransaction(const PluginTransaction&) = delete;
    PluginTransaction& operator=(const PluginTransaction&) = delete;

    /// Calls `switched` once the new instances serve, with those that no longer do, and `done` at
    /// the end: when the former ones have ended or were pinned, or with the error of the step that
    /// failed.
    void run(std::function<void(const Instances& leaving)> switched, Done done);

    /// Where it is, or where it failed.
    Step step() const { return step_; }
    /// Those that end; null before the switch.
    const Retirement* retirement() const { return retirement_.get(); }
    /// What was pinned outlives the transaction.
    std::unique_ptr<Retirement> take_retirement() { return std::move(retirement_); }

private:
    Result<void> build();
    void change_over();
    void drain();
    void fail(const Error& error);
    std::vector<Retirement::Bystander> bystanders_of(const HostChange& change) const;

    Server& server_;
    PoolBacklog& pool_;
    std::vector<HostChange> changes_;
    const Bounds bounds_;
    Step step_ = Step::build;
    std::vector<Instances> next_; ///< of each host, in the order of their start
    std::unique_ptr<Retirement> retirement_;
    std::function<void(const Instances&)> switched_;
    Done done_;
};

/// "build", as reports name it.
std::string_view to_string(PluginTransaction::Step step);

}
