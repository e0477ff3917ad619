#include "record.h"

#include <algorithm>

namespace nuncio::lua {

Duration Record::rest(TimePoint now) const
{
    const Duration left(
        rests_until_.load(std::memory_order_relaxed) - now.time_since_epoch().count());
    return std::max(left, Duration::zero());
}

bool Record::note_failure(Excess excess, const std::string& text, TimePoint now)
{
    failures.fetch_add(1, std::memory_order_relaxed);
    excesses[static_cast<std::size_t>(excess)].fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard guard(mutex_);
    last_failure_ = text;
    while (!recent_.empty() && recent_.front() + penalty_.window <= now)
        recent_.pop_front();
    recent_.push_back(now);
    if (recent_.size() < penalty_.failures || is_resting(now))
        return false;
    recent_.clear();
    rests.fetch_add(1, std::memory_order_relaxed);
    rests_until_.store((now + penalty_.time).time_since_epoch().count(), std::memory_order_relaxed);
    return true;
}

bool Record::may_log(TimePoint now, std::uint32_t lines)
{
    const std::lock_guard guard(mutex_);
    if (now - log_minute_ >= 60s) {
        log_minute_ = now;
        log_lines_ = 0;
    }
    return ++log_lines_ <= lines;
}

std::string Record::last_failure() const
{
    const std::lock_guard guard(mutex_);
    return last_failure_;
}

void Record::forgive()
{
    const std::lock_guard guard(mutex_);
    recent_.clear();
    rests_until_.store(0, std::memory_order_relaxed);
}

}
