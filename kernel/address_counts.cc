#include "address_counts.h"

#include <arpa/inet.h>
#include <cstring>

namespace nuncio::kernel {

std::string address_key(std::string_view address)
{
    const std::string text(address);
    unsigned char bytes[16] = {};
    if (inet_pton(AF_INET6, text.c_str(), bytes) != 1)
        return text;
    static constexpr unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };
    if (std::memcmp(bytes, mapped, sizeof mapped) == 0) {
        char dotted[INET_ADDRSTRLEN] = {};
        inet_ntop(AF_INET, bytes + sizeof mapped, dotted, sizeof dotted);
        return dotted;
    }
    return std::string(reinterpret_cast<const char*>(bytes), 8);
}

bool AddressCounts::add(const std::string& key, std::uint32_t limit)
{
    const std::lock_guard lock(mutex_);
    auto& count = counts_[key];
    if (count < limit) {
        ++count;
        return true;
    }
    if (count == 0)
        counts_.erase(key);
    return false;
}

void AddressCounts::remove(const std::string& key)
{
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(key);
    if (found != counts_.end() && --found->second == 0)
        counts_.erase(found);
}

}
