// A loop for tests of the library, which has no kernel.
#pragma once

#include <nuncio/task.h>

#include <algorithm>
#include <coroutine>
#include <deque>
#include <exception>
#include <map>
#include <mutex>

namespace nuncio::testing {

/// The least that a loop must do.
class SmallLoop final : public Loop {
public:
    void post(Function<void()> job) override
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    TimePoint now() const override { return now_; }
    WallTime wall_time() const override { return {}; }
    std::size_t index() const override { return 0; }

    void run(Function<void()> job)
    {
        set_current(this);
        job();
        while (step()) { }
        set_current(nullptr);
    }
    void run_ready()
    {
        run([] {});
    }
    bool has_mail()
    {
        const std::lock_guard lock(mutex_);
        return !jobs_.empty();
    }
    /// Timers fire one after the other, each at its own time.
    void advance(Duration by)
    {
        const auto until = now_ + by;
        run_ready();
        for (auto next = first_timer(); next != timers_.end() && next->second.due <= until;
             next = first_timer()) {
            now_ = std::max(now_, next->second.due);
            const auto due = std::move(next->second);
            timers_.erase(next);
            run([&due] { due.job(); });
        }
        now_ = until;
    }
    std::size_t timers() const { return timers_.size(); }

protected:
    std::uint64_t start_timer(Duration delay, Duration, Function<void()> job) override
    {
        timers_.emplace(++ids_, Entry { now_ + delay, std::move(job) });
        return ids_;
    }
    void stop_timer(std::uint64_t id) override { timers_.erase(id); }
    bool has_timer(std::uint64_t id) const override { return timers_.contains(id); }

private:
    struct Entry {
        TimePoint due;
        Function<void()> job;
    };
    using Timers = std::map<std::uint64_t, Entry>;
    Timers::iterator first_timer()
    {
        return std::ranges::min_element(
            timers_, {}, [](const auto& timer) { return timer.second.due; });
    }
    bool step()
    {
        std::unique_lock lock(mutex_);
        if (jobs_.empty())
            return false;
        const auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job();
        return true;
    }
    std::mutex mutex_;
    std::deque<Function<void()>> jobs_;
    Timers timers_;
    std::uint64_t ids_ = 0;
    TimePoint now_;
};

/// Runs a task to its end; it destroys its own frame.
struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() { }
        void unhandled_exception() { std::terminate(); }
    };
};
inline Detached run_detached(task<void> job)
{
    co_await job;
}

}
