// One thread's event loop: libuv, a mailbox, timers, and the list of connections to flush.
#pragma once

#include "lease.h"

#include <nuncio/loop.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

struct uv_loop_s;

namespace nuncio::kernel {

class Bell;

/// One letter of the mailbox. Derive from it for a hot path that should not allocate a Function.
struct Mail {
    virtual ~Mail() = default;
    virtual void deliver() = 0;
    Mail* next = nullptr;
};

/// Something that wants to act once at the end of this turn of its loop (flush a connection).
class TurnEnd {
public:
    virtual void at_turn_end() = 0;

protected:
    ~TurnEnd() = default;

private:
    friend class KernelLoop;
    bool queued_ = false;
};

/// Something dear that others shall not wait for: few of its kind are done in one turn of the loop,
/// in the order in which they came, and the sockets of everybody else are served in between.
class Patient {
public:
    virtual void at_last() = 0;

protected:
    ~Patient() = default;

private:
    friend class KernelLoop;
    bool queued_ = false;
};

/// For a block: what is started in it, a timer above all, is the kernel's, whoever called.
class AsKernel {
public:
    AsKernel() = default;
    AsKernel(const AsKernel&) = delete;
    AsKernel& operator=(const AsKernel&) = delete;
    ~AsKernel() { exchange_current_plugin(before_); }

private:
    void* before_ = exchange_current_plugin(nullptr);
};

/// Real time, or time that only tests move.
enum class ClockKind { real, manual };

class KernelLoop final : public Loop {
public:
    KernelLoop(std::size_t index, ClockKind clock);
    ~KernelLoop() override;

    /// The loop of this thread; null on workers.
    static KernelLoop* current() { return static_cast<KernelLoop*>(Loop::current()); }

    // Loop
    void post(Function<void()> job) override;
    TimePoint now() const override;
    WallTime wall_time() const override;
    std::size_t index() const override { return index_; }

    /// Any thread; takes ownership; FIFO per sending thread; wakes the loop once per burst.
    void post(std::unique_ptr<Mail> mail);

    /// Runs until stop(), on the calling thread. `stop` may come from any thread.
    void run();
    void stop();
    /// For tests and the main thread before run(): handles what is ready now and returns; true when
    /// anything was done.
    bool run_ready();
    /// Between turns of a manual loop: from now on the next mail rings the bell, until wake_up().
    /// False: there is mail already.
    bool fall_asleep(Bell& bell);
    void wake_up();
    /// Manual clock only: moves time, firing due timers in order and running what they post.
    void advance(Duration by);
    /// When the earliest timer is due; for tests that move several loops in step.
    std::optional<TimePoint> next_timer() const;

    /// Calls `what.at_turn_end()` before this turn ends; queueing twice counts once. What is queued
    /// while the list runs is run in the same turn.
    void queue_turn_end(TurnEnd& what);
    void forget_turn_end(TurnEnd& what);

    /// Whether something dear may be done now: this turn has not had its share of them, and nobody
    /// waits. It counts as done. Who hears no queues.
    bool has_time_for_one();
    /// Calls `what.at_last()` in this turn or one of the next; queueing twice counts once.
    void queue_patient(Patient& what);
    void forget_patient(Patient& what);
    static constexpr std::size_t patients_per_turn = 4;

    /// Takes what a posted job or a timer throws, with the plugin whose code it was. Without one,
    /// it ends the process.
    using FailureHandler = Function<void(void* plugin, std::exception_ptr)>;
    void set_failure_handler(FailureHandler handler);
    /// Runs `job` as code of `plugin`, as posted jobs and timers are.
    void run_job(const Function<void()>& job, void* plugin, Leased::Part part = Leased::Part::task);

    /// Shared scratch space of this thread; empty between uses, its capacity is kept (bounded).
    /// `which` is below scratch_count. Connections use none of them.
    std::string& scratch(std::size_t which);
    static constexpr std::size_t scratch_count = 8;
    /// An empty string with some capacity, and back: who waits holds no memory.
    std::string take_buffer();
    void give_buffer(std::string&& buffer);
    /// 64 KiB to read into.
    char* read_buffer();
    static constexpr std::size_t read_buffer_size = 65536;

    /// Letters handled and wake-ups by letter so far, for `nuncioctl status` and the benchmarks.
    std::uint64_t mails() const;
    std::uint64_t wakeups() const;

    /// Null with a manual clock. Whoever has a handle on it calls `io_happened` first in each of
    /// its callbacks: the loop is awake, and nobody needs to wake it.
    uv_loop_s* uv();
    void io_happened();
    /// And this last, where reading made something to write.
    void io_handled();

protected:
    std::uint64_t start_timer(Duration delay, Duration repeat, Function<void()> job) override;
    void stop_timer(std::uint64_t id) override;
    bool has_timer(std::uint64_t id) const override;

private:
    class Inside;
    enum class Wait { no, yes };
    bool turn(Wait wait);
    void poll(Wait wait);
    bool deliver_mail();
    void fire_timers();
    void serve_patients();
    void run_turn_ends();

    struct State;
    std::size_t index_;
    std::unique_ptr<State> state_;
};

}
