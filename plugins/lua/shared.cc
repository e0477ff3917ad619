#include "shared.h"

#include <algorithm>

namespace nuncio::lua {

/// One lock's worth of keys.
struct Shared::Part {
    struct Entry {
        Value value;
        std::size_t bytes = 0;
        std::multimap<TimePoint, const std::string*>::iterator expiry;
    };

    void erase(std::unordered_map<std::string, Entry>::iterator at)
    {
        bytes -= at->second.bytes;
        by_expiry.erase(at->second.expiry);
        entries.erase(at);
    }
    void drop_next() { erase(entries.find(*by_expiry.begin()->second)); }
    void drop_expired(TimePoint now)
    {
        // A few at a time: whoever calls pays for its own and a little more.
        for (int i = 0; i < 4 && !by_expiry.empty() && by_expiry.begin()->first <= now; ++i)
            drop_next();
    }
    Entry* find(const std::string& key, TimePoint now)
    {
        const auto at = entries.find(key);
        if (at == entries.end())
            return nullptr;
        if (at->second.expiry->first > now)
            return &at->second;
        erase(at);
        return nullptr;
    }
    Entry& make(std::string key, Value value, TimePoint now, Duration life)
    {
        drop_expired(now);
        if (const auto old = entries.find(key); old != entries.end())
            erase(old);
        const std::size_t size = key.size() + 100
            + (value.kind() == Value::Kind::string ? value.as_string().size() : 0);
        while (!entries.empty() && (entries.size() >= most_keys || bytes + size > most_bytes))
            drop_next();
        const auto at = entries.try_emplace(std::move(key)).first;
        at->second = { std::move(value), size, by_expiry.emplace(now + life, &at->first) };
        bytes += size;
        return at->second;
    }

    std::size_t most_keys = 0;
    std::size_t most_bytes = 0;
    std::mutex mutex;
    std::unordered_map<std::string, Entry> entries;
    std::multimap<TimePoint, const std::string*> by_expiry;
    std::size_t bytes = 0;
};

Shared::Shared(Bounds bounds)
{
    for (auto& part : parts_) {
        part = std::make_unique<Part>();
        part->most_keys = std::max<std::size_t>(1, bounds.keys / parts_.size());
        part->most_bytes = bounds.bytes / parts_.size();
    }
}

Shared::~Shared() = default;

Shared::Part& Shared::part(std::string_view key) const
{
    return *parts_[std::hash<std::string_view>()(key) % parts_.size()];
}

std::int64_t Shared::add(std::string key, std::int64_t amount, TimePoint now, Duration life)
{
    Part& in = part(key);
    const std::lock_guard guard(in.mutex);
    Part::Entry* entry = in.find(key, now);
    if (!entry)
        entry = &in.make(std::move(key), Value(std::int64_t(0)), now, life);
    // Wraps around rather than overflows.
    const auto sum = std::int64_t(std::uint64_t(entry->value.as_integer()) + std::uint64_t(amount));
    entry->value = sum;
    return sum;
}

void Shared::set(std::string key, Value value, TimePoint now, Duration life)
{
    Part& in = part(key);
    const std::lock_guard guard(in.mutex);
    in.make(std::move(key), std::move(value), now, life);
}

Value Shared::get(const std::string& key, TimePoint now)
{
    Part& in = part(key);
    const std::lock_guard guard(in.mutex);
    const Part::Entry* entry = in.find(key, now);
    return entry ? entry->value : Value();
}

void Shared::remove(const std::string& key)
{
    Part& in = part(key);
    const std::lock_guard guard(in.mutex);
    if (const auto at = in.entries.find(key); at != in.entries.end())
        in.erase(at);
}

bool Shared::once(std::string key, TimePoint now, Duration life)
{
    Part& in = part(key);
    const std::lock_guard guard(in.mutex);
    if (in.find(key, now))
        return false;
    in.make(std::move(key), Value(true), now, life);
    return true;
}

std::size_t Shared::size() const
{
    std::size_t sum = 0;
    for (const auto& part : parts_) {
        const std::lock_guard guard(part->mutex);
        sum += part->entries.size();
    }
    return sum;
}

}
