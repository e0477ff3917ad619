// Who guesses passwords waits longer each time.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/lru_map.h>
#include <nuncio/snapshot.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

namespace nuncio::accounts {

/// Attempts by key (an account, a network). Any thread.
class Attempts {
public:
    enum class Counted {
        from_begin, ///< until it turns out to be right, so that many at once gain nothing
        once_wrong, ///< those of many people may come at once, as after the end of an outage
    };
    struct Options {
        Counted counted = Counted::from_begin;
        std::uint32_t free = 5; ///< failures without a delay
        Duration first_delay = 1s; ///< then it doubles with each failure …
        Duration longest_delay = 30s; ///< … up to this
        Duration forgiveness = std::chrono::minutes(1); ///< after which one failure is forgotten
        std::size_t remembered = 65536; ///< keys
    };
    explicit Attempts(Options options)
        : options_(options)
        , by_key_(options.remembered)
    {
    }

    /// One more begins: how long it has to wait. Nothing: so many are waiting already that it would
    /// be longer than `longest_delay`; turn it away, and take it back.
    std::optional<Duration> begin(std::string_view key, TimePoint now);
    /// One that has begun was a wrong guess.
    void was_wrong(std::string_view key, TimePoint now);
    /// One that has begun was no wrong guess after all.
    void take_back(std::string_view key);
    /// All that there was is forgotten.
    void forgive(std::string_view key);

    void save(Snapshot& snapshot, std::string_view name) const;
    void restore(const Snapshot& snapshot, std::string_view name);

private:
    struct Record {
        std::uint32_t failures = 0;
        TimePoint forgiven_at {}; ///< when one was forgotten last
        TimePoint next_at {}; ///< not before this
    };
    Record* find_or_add(std::string_view key, TimePoint now);
    void forget_old(Record& record, TimePoint now) const;

    const Options options_;
    mutable std::mutex mutex_;
    LruMap<Record> by_key_; // guarded
};

}
