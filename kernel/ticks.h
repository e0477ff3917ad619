// The cheapest clock of this processor, for measuring spans. It says nothing about the time of day.
#pragma once

#include <chrono>
#include <cstdint>

namespace nuncio::kernel {

/// Counts up at a constant rate; read on two processors, it may differ a little.
inline std::uint64_t ticks()
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t count = 0;
    asm volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// How long a tick is: found out by comparing with the system's clock since it was made.
class TickRate {
public:
    TickRate()
        : clock_(std::chrono::steady_clock::now())
        , ticks_(ticks())
    {
    }

    /// Any thread. Waits for a millisecond when it was made just now.
    double per_second() const;
    std::chrono::nanoseconds duration(std::uint64_t span) const
    {
        return std::chrono::nanoseconds(std::int64_t(double(span) / per_second() * 1e9));
    }

    /// Since it was made.
    std::chrono::nanoseconds age() const { return std::chrono::steady_clock::now() - clock_; }

private:
    std::chrono::steady_clock::time_point clock_;
    std::uint64_t ticks_;
};

}
