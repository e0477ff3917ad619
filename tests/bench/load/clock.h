// Monotonic time, and how long things may take.
#pragma once

#include <cstdint>
#include <ctime>

namespace nuncio::bench {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

inline std::uint64_t clock_ns(clockid_t clock)
{
    timespec time {};
    clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * ns_per_second
        + static_cast<std::uint64_t>(time.tv_nsec);
}

inline std::uint64_t now_ns()
{
    return clock_ns(CLOCK_MONOTONIC);
}

inline std::uint64_t to_ns(double seconds)
{
    return static_cast<std::uint64_t>(seconds * static_cast<double>(ns_per_second));
}

inline double to_seconds(std::uint64_t ns)
{
    return static_cast<double>(ns) / static_cast<double>(ns_per_second);
}

}
