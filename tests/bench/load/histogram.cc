#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace nuncio::bench {

void Histogram::record(std::uint64_t value)
{
    ++counts_[slot(value)];
    ++count_;
    max_ = std::max(max_, value);
}

void Histogram::clear()
{
    *this = Histogram();
}

std::uint64_t Histogram::percentile(double share) const
{
    if (count_ == 0)
        return 0;
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= std::max<std::uint64_t>(rank, 1))
            return std::min(upper_bound(i), max_);
    }
    return max_;
}

std::size_t Histogram::slot(std::uint64_t value)
{
    if (value < steps)
        return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
    return (shift + 1) * steps + ((value >> shift) & (steps - 1));
}

std::uint64_t Histogram::upper_bound(std::size_t slot)
{
    if (slot < steps)
        return slot;
    const std::size_t shift = slot / steps - 1;
    const std::uint64_t base = (steps + slot % steps) << shift;
    return base + (std::uint64_t { 1 } << shift) - 1;
}

}
