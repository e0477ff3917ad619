#include "rate_limit.h"

#include <nuncio/address.h>

#include <algorithm>

namespace nuncio::registration {

bool RateLimit::admit(std::string_view address, TimePoint now)
{
    const std::lock_guard lock(mutex_);
    if (full_at_.size() >= most_networks)
        forget_idle(now);
    const std::string network = network_of(address);
    auto at = full_at_.find(network);
    if (at == full_at_.end()) {
        if (full_at_.size() >= most_networks)
            return false;
        at = full_at_.emplace(network, now).first;
    }
    const TimePoint full = std::max(at->second, now) + interval_;
    if (full - now > interval_ * burst_)
        return false;
    at->second = full;
    return true;
}

void RateLimit::save(Snapshot& snapshot) const
{
    const std::lock_guard lock(mutex_);
    Value::Table networks;
    for (const auto& [network, full] : full_at_)
        networks.emplace_back(network, std::int64_t(full.time_since_epoch().count()));
    snapshot.put("full_at", networks);
}

void RateLimit::restore(const Snapshot& snapshot)
{
    const std::lock_guard lock(mutex_);
    const Value* const networks = snapshot.find("full_at");
    if (!networks)
        return;
    for (const auto& [network, full] : networks->as_table())
        if (full_at_.size() < most_networks)
            full_at_.emplace(network, TimePoint(Duration(full.as_integer())));
}

void RateLimit::forget_idle(TimePoint now)
{
    std::erase_if(full_at_, [now](const auto& entry) { return entry.second <= now; });
}

}
