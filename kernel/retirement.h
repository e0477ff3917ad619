// The end of instances that no table shows any more: wait, clear, destroy, unmap.
#pragma once

#include "plugin_instance.h"

#include <functional>
#include <memory>
#include <vector>

namespace nuncio::kernel {

class Server;

/// Main thread. Ends some instances together, when
///   - every loop has left the former tables (the caller's part), and their timers have stopped;
///   - no lease is held: nothing of theirs waits, runs in the pool, or lies in a mailbox;
///   - no task of another plugin is still inside of a service of theirs;
///   - their child processes are ended, and call them no more;
///   - their slots are cleared on all loops, which also shows that every stack that held a frame of
///     theirs has been left since.
/// What does not come to its end in time is pinned: it stays mapped, is listed, and is looked at
/// again from time to time. Nothing is ever unmapped by force.
class Retirement {
public:
    /// An instance that stays and used a service of one that goes.
    struct Bystander {
        std::shared_ptr<PluginInstance> instance;
        bool has_new_era = false;
    };
    /// `leaving` in the order of their start; they end in the reverse order.
    Retirement(Server& server, std::vector<std::shared_ptr<PluginInstance>> leaving,
        std::vector<Bystander> bystanders, Duration patience);
    ~Retirement();
    Retirement(const Retirement&) = delete;
    Retirement& operator=(const Retirement&) = delete;

    /// `settled` runs once: all has ended, or is pinned.
    void begin(std::function<void()> settled);

    bool is_over() const { return leaving_.empty(); }
    bool is_pinned() const { return is_pinned_; }
    const std::vector<std::shared_ptr<PluginInstance>>& leaving() const { return leaving_; }

private:
    bool is_idle() const;
    void wait_until_idle(std::function<void()> next);
    void look_again(std::function<void()> next);
    void retire_processes(std::function<void()> next);
    void clear_slots(std::size_t from, std::function<void()> next);
    void clear_and_destroy();
    void destroy();
    void pin();
    void settle();

    Server& server_;
    std::vector<std::shared_ptr<PluginInstance>> leaving_; // shared: tables held them before
    std::vector<Bystander> bystanders_;
    Duration patience_;
    TimePoint deadline_;
    Timer timer_;
    bool is_pinned_ = false;
    std::function<void()> settled_;
};

}
