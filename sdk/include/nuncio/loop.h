// A loop: one thread, its mailbox and its clock. Every account, room and service lives on one.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/function.h>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nuncio::inline v1 {

using namespace std::chrono_literals;

/// The kernel's monotonic clock. Its time comes from the loop, so that tests can move it.
using Duration = std::chrono::nanoseconds;
struct Clock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
};
using TimePoint = Clock::time_point;
/// Calendar time in UTC, for stamps and expiry.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

class Loop;

/// A running timer. Dropping it cancels it. Belongs to the loop it was started on and is dropped
/// there.
class NUNCIO_API Timer {
public:
    Timer() = default;
    Timer(Timer&& other) noexcept
        : loop_(std::exchange(other.loop_, nullptr))
        , id_(other.id_)
    {
    }
    Timer& operator=(Timer&& other) noexcept
    {
        if (this != &other) {
            cancel();
            loop_ = std::exchange(other.loop_, nullptr);
            id_ = other.id_;
        }
        return *this;
    }
    ~Timer() { cancel(); }

    /// From then on the job is not called. On the timer's loop only; nothing happens when it is
    /// over.
    void cancel();
    /// False once it was cancelled or, for `after`, has fired.
    bool is_active() const;

private:
    friend class Loop;
    Timer(Loop& loop, std::uint64_t id)
        : loop_(&loop)
        , id_(id)
    {
    }
    Loop* loop_ = nullptr;
    std::uint64_t id_ = 0;
};

/// Implemented by the kernel. `post` may be called from any thread; everything else only on the
/// loop's own. Loops outlive all plugins.
class NUNCIO_API Loop {
public:
    virtual ~Loop();

    /// The loop whose thread this is, or null (worker threads).
    static Loop* current();

    /// Runs `job` on this loop, after everything posted to it before by the same thread.
    virtual void post(Function<void()> job) = 0;

    /// Monotonic and calendar time as of this turn of the loop.
    virtual TimePoint now() const = 0;
    virtual WallTime wall_time() const = 0;

    /// Calls `job` once after `delay`, or every `delay`. At most as exact as a millisecond. A job
    /// counts as code of the plugin that started the timer.
    [[nodiscard]] Timer after(Duration delay, Function<void()> job);
    [[nodiscard]] Timer every(Duration delay, Function<void()> job);

    /// 0 … count-1; the main thread's loop, which carries no streams, comes last.
    virtual std::size_t index() const = 0;

protected:
    friend class Timer;
    /// The kernel calls it on the loop's thread before the first and with null after the last turn.
    static void set_current(Loop* loop);
    /// A repeat of 0 fires once. Ids are never reused.
    virtual std::uint64_t start_timer(Duration delay, Duration repeat, Function<void()> job) = 0;
    virtual void stop_timer(std::uint64_t id) = 0;
    virtual bool has_timer(std::uint64_t id) const = 0;
};

/// How long this process has been running, by the system's own clock.
NUNCIO_API Duration process_uptime();

/// Which plugin's code a thread runs now: set by the kernel at every entry, carried across a
/// suspension. Opaque; null outside of plugin code. For accounting, leases and the watchdog.
NUNCIO_API void* current_plugin();
/// Sets it and answers what it was.
NUNCIO_API void* exchange_current_plugin(void* plugin);

}
