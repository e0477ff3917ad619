// What is known of one script across all loops: its counts, and whether it runs at all just now.
#pragma once

#include "event.h"
#include "machine.h"

#include <nuncio/loop.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace nuncio::lua {

/// When a script that fails again and again is left out, and for how long.
struct Penalty {
    std::uint32_t failures = 10; ///< so many …
    Duration window = 60s; ///< … within this time …
    Duration time = 300s; ///< … and it rests so long
};

/// Any thread.
class Record {
public:
    explicit Record(const Penalty& penalty)
        : penalty_(penalty)
    {
    }

    bool is_resting(TimePoint now) const
    {
        return now.time_since_epoch().count() < rests_until_.load(std::memory_order_relaxed);
    }
    Duration rest(TimePoint now) const;
    /// True when the script is to rest from now on.
    bool note_failure(Excess excess, const std::string& text, TimePoint now);
    void note_call(Verdict::Kind kind, bool is_rewritten, bool was_slow)
    {
        calls.fetch_add(1, std::memory_order_relaxed);
        if (kind != Verdict::Kind::pass)
            verdicts[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
        if (is_rewritten)
            rewritten.fetch_add(1, std::memory_order_relaxed);
        if (was_slow)
            slow.fetch_add(1, std::memory_order_relaxed);
    }
    /// False once it has logged as much as it may in this minute.
    bool may_log(TimePoint now, std::uint32_t lines);
    std::string last_failure() const;
    /// After a reload: the slate is clean, the counts go on.
    void forgive();

    std::atomic<std::uint64_t> calls = 0, rewritten = 0, slow = 0, failures = 0, rests = 0;
    std::array<std::atomic<std::uint64_t>, 5> verdicts {}; ///< by Verdict::Kind
    std::array<std::atomic<std::uint64_t>, 4> excesses {}; ///< by Excess

private:
    Penalty penalty_;
    std::atomic<std::int64_t> rests_until_ = 0;
    mutable std::mutex mutex_;
    std::deque<TimePoint> recent_;
    std::string last_failure_;
    TimePoint log_minute_ {};
    std::uint32_t log_lines_ = 0;
};

}
