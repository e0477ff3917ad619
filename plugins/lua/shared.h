// nuncio.shared: counters and small values that all loops of a host see, and that expire.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/value.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nuncio::lua {

/// Any thread. Bounded: when it is full, what would expire next goes first.
class Shared {
public:
    /// Bounds on all of it.
    struct Bounds {
        std::size_t keys = 100'000;
        std::size_t bytes = 16 * 1024 * 1024;
    };
    explicit Shared(Bounds bounds);
    ~Shared();

    /// Adds to a number (from 0) and answers it. A new one lives for `life`; adding to one that is
    /// there does not prolong it.
    std::int64_t add(std::string key, std::int64_t amount, TimePoint now, Duration life);
    void set(std::string key, Value value, TimePoint now, Duration life);
    Value get(const std::string& key, TimePoint now);
    void remove(const std::string& key);
    /// True when the key was not there; it is now, for `life`.
    bool once(std::string key, TimePoint now, Duration life);

    std::size_t size() const;

private:
    struct Part;
    Part& part(std::string_view key) const;
    std::array<std::unique_ptr<Part>, 16> parts_;
};

}
