// The queues behind IQ handlers: who waits, who runs, and in which order the answers leave.
#pragma once

#include "plugin_instance.h"

#include <nuncio/iq.h>

#include <atomic>
#include <cstddef>
#include <memory>

namespace nuncio::kernel {

class KernelLoop;
class PoolBacklog;
class VirtualHost;

/// Bounds of one handler.
struct IqLimits {
    std::size_t calls = 10000; ///< waiting and under way
    std::size_t bytes = std::size_t(64) << 20; ///< of their stanzas
    Duration time = 30s; ///< until a waiting handler must have answered
};

/// What the calls of one handler hold together.
struct IqBudget {
    std::atomic<std::size_t> calls = 0;
    std::atomic<std::size_t> bytes = 0;
};

/// One request under way, with everything that must live until it is answered. Ends on its loop,
/// where its account lives, unless it runs in the pool, where it has none.
class IqCall {
public:
    IqCall(PluginInstance& owner, Registrations::IqHandler& entry, VirtualHost& on, Stanza stanza,
        AccountRef asked);
    ~IqCall();
    IqCall(const IqCall&) = delete;
    IqCall& operator=(const IqCall&) = delete;

    /// Counts this call until it ends; false when the handler has too much to do already.
    bool reserve(std::shared_ptr<IqBudget> budget, const IqLimits& limits);
    /// Calls an immediate handler behind the wall.
    Stanza run();
    Stanza error(StanzaError::Condition condition, std::string_view text) const;

private:
    Lease lease_; // first, so that it ends last

public:
    PluginInstance& instance;
    Registrations::IqHandler& handler;
    VirtualHost& host;
    AccountRef account;
    Iq iq;
    KernelLoop* loop; ///< where the request arrived
    TimePoint since;

private:
    std::shared_ptr<IqBudget> budget_; // shared: with the queue, which may end before its calls
    std::size_t bytes_ = 0;
};

/// Where calls of one handler wait. Every call that is pushed is answered exactly once.
class IqQueue {
public:
    enum class Runs { on_loop, in_pool };
    explicit IqQueue(Runs runs)
        : runs_(runs)
    {
    }
    virtual ~IqQueue() = default;
    Runs runs() const { return runs_; }
    /// On the loop where the request arrived. A call that runs in the pool comes without account.
    virtual void push(std::unique_ptr<IqCall> call) = 0;
    /// Any thread: calls that wait or are under way.
    std::size_t calls() const { return budget_->calls.load(std::memory_order_relaxed); }

protected:
    const std::shared_ptr<IqBudget> budget_ = std::make_shared<IqBudget>(); // shared: with calls

private:
    Runs runs_;
};

/// The queue that `handler` needs for its discipline; null when it runs inline. `declared` is what
/// the plugin asked for, the handler's options what it gets: a handler that was written for the
/// loop stays there, whatever the administrator chooses.
std::shared_ptr<IqQueue> make_iq_queue(const Registrations::IqHandler& handler, Discipline declared,
    PoolBacklog& pool, const IqLimits& limits = {});

/// Where a handler that has stalled a loop goes on: in the pool, one call at a time. Null when it
/// cannot: it waits, has a queue already, or needs the account.
std::shared_ptr<IqQueue> make_strand(
    const Registrations::IqHandler& handler, PoolBacklog& pool, const IqLimits& limits = {});

/// Calls an immediate handler behind the wall; what it throws is answered as
/// internal-server-error.
IqReply call_handler(PluginInstance& instance, Registrations::IqHandler& handler, const Iq& iq);

}
