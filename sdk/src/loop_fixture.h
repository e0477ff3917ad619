// A loop for tests of the library, which has no kernel.
#pragma once

#include <nuncio/task.h>

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
    void advance(Duration by)
    {
        now_ += by;
        run([this] {
            while (!timers_.empty() && timers_.begin()->second.due <= now_) {
                const auto due = std::move(timers_.begin()->second);
                timers_.erase(timers_.begin());
                due.job();
            }
        });
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
    std::map<std::uint64_t, Entry> timers_;
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
