// How many streams each address has open, across all loops.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace nuncio::kernel {

/// Any thread. What counts as one address is its network_of(). Connecting and closing are rare
/// beside what happens in between, so a lock will do.
class AddressCounts {
public:
    /// False, and nothing counted, when `limit` are open already.
    bool add(const std::string& key, std::uint32_t limit);
    void remove(const std::string& key);

private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::uint32_t> counts_;
};

}
