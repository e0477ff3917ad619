// Threads for work that blocks: databases, hashing, plugins' queued handlers. Not libuv's pool.
#pragma once

#include <nuncio/function.h>

#include <cstddef>
#include <memory>

namespace nuncio::kernel {

class WatchedThreads;

class WorkerPool {
public:
    /// `queue_limit` jobs may wait at the most. Without threads, jobs run when `run_one` or `drain`
    /// is called: the in-process server of the tests. The threads are watched by `watched`, if any.
    WorkerPool(std::size_t threads, std::size_t queue_limit, WatchedThreads* watched = nullptr);
    ~WorkerPool(); ///< finishes what was accepted

    /// Any thread. The job counts as code of the plugin that submits it. False when the queue is
    /// full; the job was not taken then.
    bool submit(Function<void()>& job);
    /// A pool without threads: runs the oldest job here, outside of any loop. False when none
    /// waits.
    bool run_one();
    std::size_t waiting() const;
    /// Waits until every job accepted before has ended. Not from a worker.
    void drain();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}
