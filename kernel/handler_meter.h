// What the handlers of plugins cost: a meter for each, read by `plugin top`, the watchdog and the
// record of a crash.
#pragma once

#include "thread_activity.h"
#include "ticks.h"

#include <array>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace nuncio::kernel {

/// The calls of one handler of one plugin on one host. It is never freed while the server lives and
/// found again by its name, so counts survive a reload, and a pointer that another thread has seen
/// stays good.
class HandlerMeter {
public:
    enum class Kind { start, end, hook, iq, domain, command, service, timer, task, job };
    struct Name {
        std::string host, plugin;
        Kind kind = Kind::hook;
        std::string handler;
        auto key() const { return std::tie(host, plugin, kind, handler); }
        bool operator<(const Name& other) const { return key() < other.key(); }
    };

    HandlerMeter(Name name, std::size_t places);
    ~HandlerMeter();
    HandlerMeter(const HandlerMeter&) = delete;
    HandlerMeter& operator=(const HandlerMeter&) = delete;

    const Name& name() const { return name_; }

    /// The calling thread, `thread`, has spent `span` ticks and `bytes` of memory in one call.
    void count(const ThreadActivity& thread, std::uint64_t span, std::uint64_t bytes)
    {
        Counts* const counts = counts_[thread.place].load(std::memory_order_acquire);
        // Clocks of two processors may differ, and this thread may have moved between them.
        if (static_cast<std::int64_t>(span) < 0)
            span = 0;
        if (!counts || thread.place == shared_place) [[unlikely]]
            return count_shared(thread.place, span, bytes);
        const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t what) {
            to.store(to.load(std::memory_order_relaxed) + what, std::memory_order_relaxed);
        };
        add(counts->ticks, span);
        add(counts->bytes, bytes);
        add(counts->buckets[bucket_of(span)], 1);
        if (span > counts->worst.load(std::memory_order_relaxed)) [[unlikely]]
            counts->worst.store(span, std::memory_order_relaxed);
    }
    /// Any thread: it threw.
    void count_failure() { failures_.fetch_add(1, std::memory_order_relaxed); }
    std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

    /// It has stalled a loop: an iq handler runs in the worker pool from now on.
    void demote() { is_demoted_.store(true, std::memory_order_relaxed); }
    /// Back to the loops. False: it was there.
    bool promote() { return is_demoted_.exchange(false, std::memory_order_relaxed); }
    bool is_demoted() const { return is_demoted_.load(std::memory_order_relaxed); }

    /// Sums over all threads; times in ticks.
    struct Figures {
        std::uint64_t calls = 0, ticks = 0, bytes = 0, failures = 0;
        std::uint64_t worst = 0;
        std::uint64_t p99 = 0; ///< 99 of 100 calls took no longer, give or take a fifth
    };
    Figures figures() const;

    static constexpr std::uint32_t shared_place = 0;

private:
    // Two buckets an octave, from 256 ticks (about 0.1 µs) to 2^32 (a second or two).
    static constexpr unsigned first_octave = 8, octaves = 24;
    static constexpr std::size_t bucket_count = 2 * octaves;
    static constexpr std::size_t bucket_of(std::uint64_t span)
    {
        const unsigned width = static_cast<unsigned>(std::bit_width(span | (1U << first_octave)));
        const std::size_t bucket = 2 * (width - 1 - first_octave) + (span >> (width - 2) & 1);
        return bucket < bucket_count ? bucket : bucket_count - 1;
    }
    static std::uint64_t end_of_bucket(std::size_t bucket)
    {
        const std::uint64_t octave = std::uint64_t(1) << (first_octave + bucket / 2);
        return bucket % 2 == 0 ? octave + octave / 2 : 2 * octave;
    }

    struct Counts {
        std::atomic<std::uint64_t> ticks = 0, bytes = 0, worst = 0;
        std::array<std::atomic<std::uint64_t>, bucket_count> buckets {};
    };
    void count_shared(std::uint32_t place, std::uint64_t span, std::uint64_t bytes);

    Name name_;
    std::size_t places_;
    std::unique_ptr<std::atomic<Counts*>[]> counts_; // by place; made at the first call there
    std::atomic<std::uint64_t> failures_ = 0;
    std::atomic<bool> is_demoted_ = false;
};

std::string_view to_string(HandlerMeter::Kind kind);

/// All meters of a server. Any thread.
class HandlerMeters {
public:
    /// Threads that count in a place of their own: those of the loops, from 1.
    explicit HandlerMeters(std::size_t loops)
        : places_(loops + 1)
    {
    }
    HandlerMeter& meter(HandlerMeter::Name name);
    /// In the order of their names.
    std::vector<HandlerMeter*> all() const;
    const TickRate& rate() const { return rate_; }

private:
    std::size_t places_;
    TickRate rate_;
    mutable std::mutex mutex_;
    std::map<HandlerMeter::Name, std::unique_ptr<HandlerMeter>> meters_; // guarded
};

/// The calling thread runs handlers, one after the other, while it lives. The clock is read once
/// where one ends and the next begins. What a handler spends inside of another, which it caused, is
/// counted there alone.
class MeteredRun {
public:
    MeteredRun() = default;
    explicit MeteredRun(HandlerMeter* meter) { go_on(meter); }
    MeteredRun(const MeteredRun&) = delete;
    MeteredRun& operator=(const MeteredRun&) = delete;
    ~MeteredRun()
    {
        if (began_ != 0)
            leave();
    }

    /// The handler of `meter` runs from now on; a null one is not measured.
    void go_on(HandlerMeter* meter)
    {
        const std::uint64_t now = ticks();
        if (began_ == 0) {
            began_ = now;
            outer_bytes_ = thread_.allocated;
        } else if (meter_) {
            meter_->count(
                thread_, now - thread_.since.load(std::memory_order_relaxed), thread_.allocated);
        }
        thread_.allocated = 0;
        thread_.since.store(now, std::memory_order_relaxed);
        // Behind `since`: who sees the handler must not see a time before it.
        thread_.meter.store(meter, std::memory_order_release);
        meter_ = meter;
    }

private:
    void leave()
    {
        const std::uint64_t now = ticks();
        if (meter_)
            meter_->count(
                thread_, now - thread_.since.load(std::memory_order_relaxed), thread_.allocated);
        thread_.allocated = outer_bytes_;
        thread_.meter.store(outer_, std::memory_order_release);
        thread_.since.store(outer_since_ + (now - began_), std::memory_order_relaxed);
    }

    ThreadActivity& thread_ = this_thread;
    const HandlerMeter* const outer_ = thread_.meter.load(std::memory_order_relaxed);
    const std::uint64_t outer_since_ = thread_.since.load(std::memory_order_relaxed);
    HandlerMeter* meter_ = nullptr;
    std::uint64_t began_ = 0;
    std::uint64_t outer_bytes_ = 0;
};

}
