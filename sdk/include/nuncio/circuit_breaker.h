// A circuit breaker: who fails again and again is left alone for a while.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/result.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace nuncio::inline v1 {

/// Stands before a service of somebody else's (a directory, a database, a script). After
/// `failures` in a row it refuses at once instead of letting everybody wait for a time-out; after
/// a rest it lets one try, and opens again when that fails, with a rest twice as long. Any thread.
class NUNCIO_API CircuitBreaker {
public:
    struct Options {
        std::uint32_t failures = 3; ///< in a row, until it opens
        Duration rest = 1s; ///< the first; it doubles …
        Duration longest_rest = 30s; ///< … up to this
    };
    explicit CircuitBreaker(Options options)
        : options_(options)
    {
    }

    /// One call that was admitted: say how it went. Dropped without a word, it was not made.
    class NUNCIO_API Call {
    public:
        Call(Call&& other) noexcept
            : breaker_(std::exchange(other.breaker_, nullptr))
            , is_probe_(other.is_probe_)
        {
        }
        Call& operator=(Call&&) = delete;
        ~Call();

        /// An answer, if only a refusal, is a success …
        void succeeded();
        /// … and no answer, or none in time, is a failure.
        void failed(TimePoint now, std::string text);

    private:
        friend class CircuitBreaker;
        Call(CircuitBreaker& breaker, bool is_probe)
            : breaker_(&breaker)
            , is_probe_(is_probe)
        {
        }
        CircuitBreaker* breaker_;
        bool is_probe_;
    };

    /// A call, or `unavailable` with the last failure's text.
    Result<Call> admit(TimePoint now);

    /// The service was found to work in another way than by a call: closed from now on.
    void recovered();

    /// Whether calls are refused now.
    bool is_open(TimePoint now) const;
    /// Of the last failure; empty when the last call went well.
    std::string last_error() const;

private:
    void close(); // the mutex is held

    const Options options_;
    mutable std::mutex mutex_;
    std::uint32_t failures_ = 0; // in a row
    Duration rest_ {};
    TimePoint open_until_ {};
    bool is_probing_ = false; // one call is on its way to find out
    std::string last_error_;
};

}
