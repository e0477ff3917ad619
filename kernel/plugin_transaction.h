// One change of what runs: staged, built beside what serves, switched as a whole, or not at all.
#pragma once

#include "plugin_starter.h"
#include "retirement.h"
#include "succession.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class PoolBacklog;
class Server;
struct RouteTable;

/// Main thread only, driven from its loop, one at a time. Until the switch the former instances
/// serve, and a failure leaves them as they were; from the switch on nothing can fail.
class PluginTransaction {
public:
    enum class Step {
        stage, ///< the file is found, copied, checked and mapped
        build, ///< the new instances are made, configured and started, where nobody sees them
        quiesce, ///< of those with state: what comes waits, what is under way ends
        save, ///< the former instances write what the new ones shall know
        restore, ///< the new ones read it, and the values of carried slots are made anew
        change_over, ///< every loop takes the new table
        drain, ///< what the former instances had under way comes to its end
    };
    struct Bounds {
        Duration patience = 30s; ///< of the drain, before it leaves something behind, pinned
        Duration pause = 250ms; ///< for which stanzas may wait; save and restore have as long
        std::size_t held = 1000; ///< how many may
        bool drops_state = false; ///< nothing is handed over, and so nobody pauses
    };
    /// What it took, for the report.
    struct Figures {
        bool is_pinned = false; ///< something of the former instances is still under way
        std::size_t held = 0; ///< stanzas and questions that waited
        std::chrono::nanoseconds longest {}; ///< the longest that any of them waited
    };
    using Done = std::function<void(Result<Figures>)>;

    PluginTransaction(
        Server& server, PoolBacklog& pool, std::vector<HostChange> changes, Bounds bounds);
    ~PluginTransaction();
    PluginTransaction(const PluginTransaction&) = delete;
    PluginTransaction& operator=(const PluginTransaction&) = delete;

    /// Calls `switched` once the new instances serve, with those that no longer do, and `done` at
    /// the end: when the former ones have ended or were pinned, or, with the error of the step that
    /// failed, when the new ones have.
    void run(std::function<void(const Instances& leaving)> switched, Done done);

    /// Where it is, or where it failed.
    Step step() const { return step_; }
    /// Those that end: the former ones, or after a failure the new ones; null before.
    const Retirement* retirement() const { return retirement_.get(); }
    /// What was pinned outlives the transaction.
    std::unique_ptr<Retirement> take_retirement() { return std::move(retirement_); }

private:
    /// What happens on one host, beside what was asked for.
    struct OnHost {
        std::vector<Succession> successions;
        Instances paused;
        std::shared_ptr<const RouteTable> former; // shared: with the loops
    };

    Result<void> build();
    Result<void> check_domains() const;
    void find_successions();
    void quiesce();
    void hurry_storage();
    void wait_until_idle(bool is_settled);
    void hand_over();
    void carry_slots();
    void change_over();
    void drain();
    bool is_idle() const;
    std::string who_is_busy() const;
    std::size_t held() const;
    /// The former instances go on, with what has waited.
    void go_back(const Error& error);
    void fail(const Error& error);
    std::vector<Retirement::Bystander> bystanders_of(const HostChange& change) const;

    Server& server_;
    PoolBacklog& pool_;
    std::vector<HostChange> changes_;
    const Bounds bounds_;
    std::vector<VirtualHost*> hosts_;
    Step step_ = Step::build;
    std::vector<Instances> next_; ///< of each host, in the order of their start
    Instances in_vain_; ///< see build_instances()
    std::vector<OnHost> on_host_; ///< likewise
    TimePoint deadline_; ///< of the pause
    Timer timer_;
    std::unique_ptr<Retirement> retirement_;
    std::function<void(const Instances&)> switched_;
    Done done_;
};

/// "build", as reports name it.
std::string_view to_string(PluginTransaction::Step step);

}
