// How often somebody may try: a bucket of tokens for each network.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/snapshot.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nuncio::registration {

/// Any thread.
class RateLimit {
public:
    /// `burst` tries at once; another one for each `interval` that passes.
    RateLimit(std::uint32_t burst, Duration interval)
        : burst_(burst)
        , interval_(interval)
    {
    }
    /// Takes a token, or says that there is none.
    bool admit(std::string_view address, TimePoint now);

    // A reload must not give everybody new tokens.
    void save(Snapshot& snapshot) const;
    void restore(const Snapshot& snapshot);

private:
    /// Networks remembered at a time; when all are busy, strangers wait.
    static constexpr std::size_t most_networks = 16384;

    void forget_idle(TimePoint now);

    const std::uint32_t burst_;
    const Duration interval_;
    mutable std::mutex mutex_;
    /// When the bucket of a network is full again: all that a bucket has to know.
    std::unordered_map<std::string, TimePoint> full_at_;
};

}
