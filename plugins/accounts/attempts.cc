#include "attempts.h"

#include <algorithm>

namespace nuncio::accounts {

void Attempts::forget_old(Record& record, TimePoint now) const
{
    const auto periods = (now - record.forgiven_at) / options_.forgiveness;
    if (periods <= 0)
        return;
    record.failures -= static_cast<std::uint32_t>(std::min<std::int64_t>(periods, record.failures));
    record.forgiven_at += periods * options_.forgiveness;
}

/// Null without room. In the lock.
Attempts::Record* Attempts::find_or_add(std::string_view key, TimePoint now)
{
    Record* record = by_key_.find(key);
    if (!record)
        record = by_key_.insert(key, { .forgiven_at = now });
    if (record)
        forget_old(*record, now);
    return record;
}

std::optional<Duration> Attempts::begin(std::string_view key, TimePoint now)
{
    const std::lock_guard lock(mutex_);
    Record* const record = find_or_add(key, now);
    if (!record)
        return Duration::zero();
    const std::uint32_t failures = record->failures;
    if (options_.counted == Counted::from_begin)
        ++record->failures;
    if (failures < options_.free)
        return Duration::zero();
    constexpr std::uint32_t most_doublings = 20; // a million times any delay is the longest
    const auto doublings = std::min(failures - options_.free, most_doublings);
    const auto step
        = std::min(options_.first_delay * (std::int64_t(1) << doublings), options_.longest_delay);
    const auto at = std::max(record->next_at, now) + step;
    if (at - now > options_.longest_delay)
        return {};
    record->next_at = at;
    return at - now;
}

void Attempts::was_wrong(std::string_view key, TimePoint now)
{
    if (options_.counted == Counted::from_begin)
        return;
    const std::lock_guard lock(mutex_);
    if (Record* const record = find_or_add(key, now))
        ++record->failures;
}

void Attempts::take_back(std::string_view key)
{
    if (options_.counted == Counted::once_wrong)
        return;
    const std::lock_guard lock(mutex_);
    Record* const record = by_key_.find(key);
    if (record && record->failures > 0)
        --record->failures;
}

void Attempts::forgive(std::string_view key)
{
    const std::lock_guard lock(mutex_);
    by_key_.erase(key);
}

void Attempts::save(Snapshot& snapshot, std::string_view name) const
{
    const std::lock_guard lock(mutex_);
    Value::Array rows;
    for (const auto& [key, record] : by_key_) {
        Value row;
        row["key"] = key;
        row["failures"] = std::int64_t(record.failures);
        row["forgiven_at"] = std::int64_t(record.forgiven_at.time_since_epoch().count());
        row["next_at"] = std::int64_t(record.next_at.time_since_epoch().count());
        rows.push_back(std::move(row));
    }
    snapshot.put(name, std::move(rows));
}

void Attempts::restore(const Snapshot& snapshot, std::string_view name)
{
    const Value* const rows = snapshot.find(name);
    if (!rows)
        return;
    const std::lock_guard lock(mutex_);
    const auto time = [](const Value& row, std::string_view field) {
        return TimePoint(Duration(row.find(field)->as_integer()));
    };
    // The latest come first, and shall be the last to make room.
    const auto& list = rows->as_array();
    for (auto row = list.rbegin(); row != list.rend(); ++row)
        by_key_.insert(row->find("key")->as_string(),
            { .failures = static_cast<std::uint32_t>(row->find("failures")->as_integer()),
                .forgiven_at = time(*row, "forgiven_at"),
                .next_at = time(*row, "next_at") });
}

}
