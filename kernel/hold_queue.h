// What waits on one loop while plugins of a host hand over to their next generation.
#pragma once

#include "route_table.h"

#include <nuncio/function.h>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace nuncio::kernel {

/// Jobs in their order. Each is about something (an account's bare JID, a domain): once something
/// waits, all that follows about the same waits behind it, so that nothing is overtaken. One loop.
class HoldQueue {
public:
    bool empty() const { return jobs_.empty(); }
    std::size_t size() const { return jobs_.size(); }
    bool has(std::string_view about) const { return about_.contains(about); }
    void add(std::string_view about, Function<void()> job);
    /// Runs all of them. Answers for how long the first has waited.
    std::chrono::nanoseconds release();

private:
    std::vector<Function<void()>> jobs_;
    std::unordered_set<std::string, TextHash, std::equal_to<>> about_;
    std::chrono::steady_clock::time_point since_; ///< of the first; not the loop's turn: exact
};

}
