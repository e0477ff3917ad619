#include "address_counts.h"

namespace nuncio::kernel {

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
