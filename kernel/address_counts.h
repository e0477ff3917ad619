// How many streams each address has open, across all loops.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nuncio::kernel {

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address, of which one
/// customer has as many addresses as they please.
std::string address_key(std::string_view address);

/// Any thread. Connecting and closing are rare beside what happens in between, so a lock will do.
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
