// Threads for work that blocks: databases, hashing, plugins' queued handlers. Not libuv's pool.
#pragma once

#include <nuncio/function.h>

#include <cstddef>
#include <memory>
#include <string>

namespace nuncio::kernel {

class WatchedThreads;

class WorkerPool {
public:
    struct Options {
        std::string name = "worker"; ///< its threads are NAME-0, NAME-1 …
        /// Without threads, jobs run when `run_one` or `drain` is called: for tests.
        std::size_t threads = 1;
        std::size_t queue_limit = 4096; ///< jobs that may wait
        WatchedThreads* watched = nullptr; ///< who watches the threads, if anybody
    };
    explicit WorkerPool(const Options& options);
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
