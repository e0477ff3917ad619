// Whether what was numbered by one sender arrives at one receiver once, whole and in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace nuncio::bench {

struct Faults {
    std::uint64_t lost = 0;
    std::uint64_t repeated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t wrong_sender = 0;
    std::uint64_t stanza_errors = 0;

    bool any() const { return lost + repeated + reordered + wrong_sender + stanza_errors != 0; }
};

class SequenceCheck final {
public:
    // True if `number` had not been seen before.
    bool arrived(std::uint64_t number, Faults& faults)
    {
        if (number == next_) {
            ++next_;
            return true;
        }
        if (number > next_) {
            skip_to(number, faults);
            next_ = number + 1;
            return true;
        }
        const auto late = std::find(missing_.begin(), missing_.end(), number);
        if (late == missing_.end()) {
            ++faults.repeated;
            return false;
        }
        missing_.erase(late);
        ++faults.reordered;
        return true;
    }

    // At the end of a run: numbers 0…sent-1 were sent, whatever did not arrive is lost.
    void finish(std::uint64_t sent, Faults& faults)
    {
        faults.lost += missing_.size();
        if (sent > next_)
            faults.lost += sent - next_;
        missing_.clear();
        next_ = std::max(next_, sent);
    }

private:
    // What is missing may still come, out of order; beyond this many it counts as lost at once.
    static constexpr std::size_t most_missing = 10'000;

    void skip_to(std::uint64_t number, Faults& faults)
    {
        while (next_ < number && missing_.size() < most_missing)
            missing_.push_back(next_++);
        faults.lost += number - next_;
    }

    std::uint64_t next_ = 0;
    std::vector<std::uint64_t> missing_;
};

}
