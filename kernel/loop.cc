#include "loop.h"

#include "bell.h"
#include "handler_meter.h"
#include "mailbox.h"
#include "timer_heap.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <deque>
#include <uv.h>
#include <vector>

namespace nuncio::kernel {

namespace {

    // Mail that mail causes is handled in the same turn, so that what it writes leaves in the same
    // send; but sockets must get their turn too.
    constexpr int mail_rounds = 8;
    constexpr int turn_end_rounds = 16;
    // One look at the sockets may find a thousand readable. What they cause is written before it
    // has left the processor's cache.
    constexpr std::size_t turn_end_batch = 128;
    constexpr std::size_t kept_scratch = 256 * 1024;
    constexpr std::size_t kept_buffers = 64;
    constexpr std::size_t kept_buffer_size = 64 * 1024;

    // A manual clock starts at a moment that no default-made TimePoint is mistaken for.
    constexpr TimePoint manual_start { std::chrono::hours(24) };
    constexpr WallTime manual_wall_start = std::chrono::sys_days(std::chrono::January / 1 / 2024);

    class JobMail final : public Mail {
    public:
        JobMail(KernelLoop& loop, Function<void()> job)
            : loop_(loop)
            , job_(std::move(job))
            , plugin_(current_plugin())
        {
            // Plugins end only when nothing of theirs lies in a mailbox.
            if (plugin_)
                lease_ = Lease(*static_cast<Leased*>(plugin_));
        }
        void deliver() override { loop_.run_job(job_, plugin_); }

    private:
        Lease lease_; // first, so that it ends after the job
        KernelLoop& loop_;
        Function<void()> job_;
        void* plugin_;
    };

}

struct KernelLoop::State {
    explicit State(ClockKind kind)
        : clock(kind)
    {
        if (clock == ClockKind::manual)
            return;
        [[maybe_unused]] auto failed = uv_loop_init(&uv);
        assert(!failed);
        wake.data = this;
        failed = uv_async_init(&uv, &wake, [](uv_async_t* handle) {
            auto& count = static_cast<State*>(handle->data)->wakeups;
            count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        });
        assert(!failed);
        uv_timer_init(&uv, &alarm);
    }

    ClockKind clock;
    TimePoint manual_now = manual_start;
    uv_loop_t uv {};
    uv_async_t wake {};
    uv_timer_t alarm {};
    std::optional<TimePoint> alarm_at;

    Mailbox mailbox;
    TimerHeap timers;
    std::vector<TurnEnd*> turn_ends;
    std::deque<Patient*> patients; // null: was forgotten
    std::size_t patience = 0; // how many more of them this turn has time for
    bool asleep = false;
    std::atomic<Bell*> bell = nullptr; // of a manual loop that is asleep
    bool stopping = false;
    FailureHandler failure_handler;

    std::atomic<std::uint64_t> mails = 0; // written by the loop's own thread only
    std::atomic<std::uint64_t> wakeups = 0;
    std::uint64_t activity = 0;

    std::array<std::string, scratch_count> scratch;
    std::vector<std::string> buffers;
    std::unique_ptr<char[]> read_buffer;
};

/// This thread is the loop while it lives.
class KernelLoop::Inside {
public:
    explicit Inside(KernelLoop& loop)
        : before_(Loop::current())
    {
        set_current(&loop);
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { set_current(before_); }

private:
    Loop* before_;
};

KernelLoop::KernelLoop(std::size_t index, ClockKind clock)
    : index_(index)
    , state_(std::make_unique<State>(clock))
{
}

KernelLoop::~KernelLoop()
{
    const Inside inside(*this);
    // What is destroyed may post; nothing of it is delivered any more.
    while (auto* mail = state_->mailbox.take()) {
        while (mail)
            delete std::exchange(mail, mail->next);
    }
    state_->timers = {};
    if (state_->clock == ClockKind::manual)
        return;
    uv_close(reinterpret_cast<uv_handle_t*>(&state_->wake), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&state_->alarm), nullptr);
    // Also lets the watchers of connections that were dropped before reach their close callback.
    uv_run(&state_->uv, UV_RUN_NOWAIT);
    [[maybe_unused]] const auto busy = uv_loop_close(&state_->uv);
    assert(!busy && "connections and listeners end before their loop");
}

void KernelLoop::post(Function<void()> job)
{
    post(std::make_unique<JobMail>(*this, std::move(job)));
}

void KernelLoop::post(std::unique_ptr<Mail> mail)
{
    if (!state_->mailbox.push(mail.release()))
        return;
    if (state_->clock == ClockKind::real)
        uv_async_send(&state_->wake);
    else
        state_->bell.load(std::memory_order_acquire)->ring();
}

TimePoint KernelLoop::now() const
{
    if (state_->clock == ClockKind::manual)
        return state_->manual_now;
    return TimePoint(std::chrono::milliseconds(uv_now(&state_->uv)));
}

WallTime KernelLoop::wall_time() const
{
    using std::chrono::milliseconds;
    if (state_->clock == ClockKind::manual)
        return manual_wall_start
            + std::chrono::duration_cast<milliseconds>(state_->manual_now - manual_start);
    return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

void KernelLoop::run()
{
    assert(state_->clock == ClockKind::real);
    const Inside inside(*this);
    while (!state_->stopping)
        turn(Wait::yes);
    state_->stopping = false;
}

void KernelLoop::stop()
{
    post([this] { state_->stopping = true; });
}

bool KernelLoop::run_ready()
{
    const Inside inside(*this);
    return turn(Wait::no);
}

void KernelLoop::advance(Duration by)
{
    assert(state_->clock == ClockKind::manual);
    const Inside inside(*this);
    const auto target = state_->manual_now + by;
    for (;;) {
        while (turn(Wait::no)) { }
        const auto next = state_->timers.next_due();
        if (!next || *next > target)
            break;
        state_->manual_now = std::max(state_->manual_now, *next);
    }
    state_->manual_now = target;
}

std::optional<TimePoint> KernelLoop::next_timer() const
{
    return state_->timers.next_due();
}

bool KernelLoop::turn(Wait wait)
{
    auto& state = *state_;
    const auto activity = state.activity;
    state.patience = patients_per_turn;
    if (state.clock == ClockKind::real)
        poll(wait);
    for (int round = 0; round < mail_rounds && deliver_mail(); ++round) { }
    fire_timers();
    serve_patients();
    run_turn_ends();
    return state.activity != activity;
}

void KernelLoop::poll(Wait wait)
{
    auto& state = *state_;
    const auto next = state.timers.next_due();
    // An alarm that rings too early does no harm, so only an earlier timer moves it.
    if (next && (!state.alarm_at || *next < *state.alarm_at)) {
        using std::chrono::milliseconds;
        const auto delay = std::chrono::ceil<milliseconds>(*next - now());
        // libuv rings what is due before it polls, too, and would then wait without end for the
        // rest: stopping makes that poll look only.
        uv_timer_start(
            &state.alarm, [](uv_timer_t* alarm) { uv_stop(alarm->loop); },
            std::max<std::int64_t>(delay.count(), 0), 0);
        state.alarm_at = next;
    }
    const bool may_sleep
        = wait == Wait::yes && !state.stopping && state.turn_ends.empty() && state.patients.empty();
    state.asleep = may_sleep && state.mailbox.fall_asleep();
    uv_run(&state.uv, state.asleep ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    wake_up();
    if (!uv_is_active(reinterpret_cast<uv_handle_t*>(&state.alarm)))
        state.alarm_at.reset();
}

void KernelLoop::io_happened()
{
    ++state_->activity;
    wake_up();
}

void KernelLoop::io_handled()
{
    if (state_->turn_ends.size() >= turn_end_batch)
        run_turn_ends();
}

bool KernelLoop::fall_asleep(Bell& bell)
{
    assert(state_->clock == ClockKind::manual);
    state_->bell.store(&bell, std::memory_order_release);
    return state_->asleep = state_->mailbox.fall_asleep();
}

void KernelLoop::wake_up()
{
    if (std::exchange(state_->asleep, false))
        state_->mailbox.wake_up();
}

bool KernelLoop::deliver_mail()
{
    auto* mail = state_->mailbox.take();
    if (!mail)
        return false;
    std::uint64_t count = 0;
    while (mail) {
        const std::unique_ptr<Mail> letter(std::exchange(mail, mail->next));
        ++count;
        letter->deliver();
    }
    state_->activity += count;
    state_->mails.store(
        state_->mails.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    return true;
}

void KernelLoop::fire_timers()
{
    // Those started by jobs of this round wait for the next one, even with a delay of 0.
    const auto limit = state_->timers.size();
    const auto time = now();
    for (std::size_t fired = 0; fired < limit; ++fired) {
        auto due = state_->timers.take_due(time);
        if (!due)
            return;
        ++state_->activity;
        run_job(due->job, due->plugin, Leased::Part::timer);
        state_->timers.rearm(std::move(*due));
    }
}

void KernelLoop::run_job(const Function<void()>& job, void* plugin, Leased::Part part)
{
    HandlerMeter* const meter = plugin ? static_cast<Leased*>(plugin)->meter(part) : nullptr;
    MeteredRun run;
    if (meter)
        run.go_on(meter);
    auto* const before = exchange_current_plugin(plugin);
    if (state_->failure_handler) {
        try {
            job();
        } catch (...) {
            state_->failure_handler(plugin, std::current_exception());
            if (meter)
                meter->count_failure();
        }
    } else {
        job();
    }
    exchange_current_plugin(before);
}

void KernelLoop::set_failure_handler(FailureHandler handler)
{
    state_->failure_handler = std::move(handler);
}

void KernelLoop::run_turn_ends()
{
    auto& list = state_->turn_ends;
    for (int round = 0; round < turn_end_rounds && !list.empty(); ++round) {
        const auto count = list.size();
        for (std::size_t i = 0; i < count; ++i) {
            auto* const what = std::exchange(list[i], nullptr);
            if (!what)
                continue;
            what->queued_ = false;
            ++state_->activity;
            what->at_turn_end();
        }
        list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count));
    }
}

void KernelLoop::queue_turn_end(TurnEnd& what)
{
    if (!std::exchange(what.queued_, true))
        state_->turn_ends.push_back(&what);
}

void KernelLoop::forget_turn_end(TurnEnd& what)
{
    if (!std::exchange(what.queued_, false))
        return;
    // Not erased: the list may be running.
    std::ranges::replace(state_->turn_ends, &what, nullptr);
}

void KernelLoop::serve_patients()
{
    auto& line = state_->patients;
    while (state_->patience > 0 && !line.empty()) {
        auto* const what = line.front();
        line.pop_front();
        if (!what)
            continue;
        what->queued_ = false;
        ++state_->activity;
        --state_->patience;
        what->at_last();
    }
}

bool KernelLoop::has_time_for_one()
{
    if (state_->patience == 0 || !state_->patients.empty())
        return false;
    --state_->patience;
    return true;
}

void KernelLoop::queue_patient(Patient& what)
{
    if (!std::exchange(what.queued_, true))
        state_->patients.push_back(&what);
}

void KernelLoop::forget_patient(Patient& what)
{
    if (std::exchange(what.queued_, false))
        std::ranges::replace(state_->patients, &what, nullptr);
}

std::string& KernelLoop::scratch(std::size_t which)
{
    auto& text = state_->scratch[which];
    text.clear();
    if (text.capacity() > kept_scratch)
        text.shrink_to_fit();
    return text;
}

std::string KernelLoop::take_buffer()
{
    auto& buffers = state_->buffers;
    if (buffers.empty())
        return {};
    auto buffer = std::move(buffers.back());
    buffers.pop_back();
    return buffer;
}

void KernelLoop::give_buffer(std::string&& buffer)
{
    auto gone = std::move(buffer);
    buffer = {};
    const auto size = gone.capacity();
    if (size > kept_buffer_size || size < sizeof gone || state_->buffers.size() >= kept_buffers)
        return;
    gone.clear();
    state_->buffers.push_back(std::move(gone));
}

char* KernelLoop::read_buffer()
{
    if (!state_->read_buffer)
        state_->read_buffer = std::make_unique_for_overwrite<char[]>(read_buffer_size);
    return state_->read_buffer.get();
}

std::uint64_t KernelLoop::mails() const
{
    return state_->mails.load(std::memory_order_relaxed);
}

std::uint64_t KernelLoop::wakeups() const
{
    return state_->wakeups.load(std::memory_order_relaxed);
}

uv_loop_s* KernelLoop::uv()
{
    return state_->clock == ClockKind::real ? &state_->uv : nullptr;
}

std::uint64_t KernelLoop::start_timer(Duration delay, Duration repeat, Function<void()> job)
{
    return state_->timers.start(now() + delay, repeat, std::move(job), current_plugin());
}

void KernelLoop::stop_timer(std::uint64_t id)
{
    state_->timers.stop(id);
}

bool KernelLoop::has_timer(std::uint64_t id) const
{
    return state_->timers.has(id);
}

}
