// What waits for room in the worker pool.
#pragma once

#include "loop.h"
#include "worker_pool.h"

#include <deque>
#include <mutex>

namespace nuncio::kernel {

/// Takes every job and gives it to the pool in order, as soon as there is room. Bounded by its
/// callers: each waiting task has one job here at the most, and queues of iqs have limits of their
/// own.
class PoolBacklog {
public:
    PoolBacklog(WorkerPool& pool, KernelLoop& main_loop);
    ~PoolBacklog();

    /// Any thread.
    void run(Function<void()> job);
    std::size_t waiting() const;

private:
    void hand_over();
    void retry_later();

    WorkerPool& pool_;
    KernelLoop& main_loop_;
    mutable std::mutex mutex_;
    std::deque<Function<void()>> waiting_; // guarded
    bool is_retrying_ = false; // guarded
    Timer timer_; // main loop
};

}
