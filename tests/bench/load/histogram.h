// Latencies in fixed memory: 64 steps per power of two, so a percentile is right to 1.6 %.
#pragma once

#include <array>
#include <cstdint>

namespace nuncio::bench {

class Histogram final {
public:
    void record(std::uint64_t value);
    void clear();

    std::uint64_t count() const { return count_; }
    std::uint64_t max() const { return max_; }

    // The value that `share` (0…1) of all recorded ones don't exceed; 0 if there are none.
    std::uint64_t percentile(double share) const;

private:
    static constexpr unsigned step_bits = 6;
    static constexpr std::uint64_t steps = 1U << step_bits;

    static std::size_t slot(std::uint64_t value);
    static std::uint64_t upper_bound(std::size_t slot);

    std::array<std::uint64_t, (64 - step_bits + 1) * steps> counts_ {};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}
