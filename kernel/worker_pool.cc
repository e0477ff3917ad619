#include "worker_pool.h"

#include "handler_meter.h"
#include "signals_blocked.h"
#include "watched_threads.h"

#include <nuncio/loop.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <string>
#include <thread>
#include <vector>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t thread_name_bytes = 15; // pthread_setname_np(3)
    constexpr auto idle = std::numeric_limits<std::uint64_t>::max();

    struct Job {
        std::uint64_t number = idle;
        Function<void()> run;
        void* plugin = nullptr;
    };

}

struct WorkerPool::State {
    std::size_t limit = 0;
    mutable std::mutex mutex;
    std::condition_variable work; ///< something to do, or the end
    std::condition_variable ended; ///< a job has ended
    std::deque<Job> queue;
    std::uint64_t accepted = 0;
    std::vector<std::uint64_t> running; ///< by worker: the number of its job
    std::vector<std::thread> threads;
    bool stopping = false;

    /// Every job with a smaller number has ended.
    std::uint64_t oldest() const
    {
        const auto waiting = queue.empty() ? idle : queue.front().number;
        return std::min(waiting, *std::ranges::min_element(running));
    }

    /// Takes the oldest job and runs it, without the lock. Its captures end before it counts as
    /// ended.
    void run_front(std::unique_lock<std::mutex>& lock, std::size_t worker)
    {
        {
            const auto job = std::move(queue.front());
            queue.pop_front();
            running[worker] = job.number;
            lock.unlock();
            auto* const before = exchange_current_plugin(job.plugin);
            job.run();
            exchange_current_plugin(before);
        }
        lock.lock();
        running[worker] = idle;
        ended.notify_all();
    }

    void work_until_end(std::size_t worker)
    {
        std::unique_lock lock(mutex);
        for (;;) {
            work.wait(lock, [this] { return stopping || !queue.empty(); });
            if (queue.empty())
                return;
            run_front(lock, worker);
        }
    }
};

WorkerPool::WorkerPool(const Options& options)
    : state_(std::make_unique<State>())
{
    state_->limit = options.queue_limit;
    state_->running.assign(std::max<std::size_t>(options.threads, 1), idle);
    const SignalsBlocked blocked;
    for (std::size_t i = 0; i < options.threads; ++i) {
        const std::string name = options.name + '-' + std::to_string(i);
        auto& thread = state_->threads.emplace_back([this, i, watched = options.watched, name] {
            std::optional<WatchedThread> is_watched;
            if (watched)
                is_watched.emplace(
                    *watched, name, WatchedThreads::Kind::worker, HandlerMeter::shared_place);
            state_->work_until_end(i);
        });
        pthread_setname_np(thread.native_handle(), name.substr(0, thread_name_bytes).c_str());
    }
}

WorkerPool::~WorkerPool()
{
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->work.notify_all();
    for (auto& thread : state_->threads)
        thread.join();
    while (run_one()) { }
}

bool WorkerPool::submit(Function<void()>& job)
{
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stopping || state_->queue.size() >= state_->limit)
            return false;
        state_->queue.push_back({ state_->accepted++, std::move(job), current_plugin() });
    }
    state_->work.notify_one();
    return true;
}

std::size_t WorkerPool::waiting() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

bool WorkerPool::run_one()
{
    std::unique_lock lock(state_->mutex);
    if (!state_->threads.empty() && !state_->stopping)
        return false;
    if (state_->queue.empty())
        return false;
    assert(!Loop::current());
    state_->run_front(lock, 0);
    return true;
}

void WorkerPool::drain()
{
    while (run_one()) { }
    std::unique_lock lock(state_->mutex);
    state_->ended.wait(
        lock, [this, until = state_->accepted] { return state_->oldest() >= until; });
}

}
