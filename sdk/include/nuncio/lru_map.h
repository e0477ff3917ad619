// A bounded memory of what was used lately.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace nuncio::inline v1 {

/// Values by text, `capacity` at the most: what was not used for the longest time makes room. One
/// thread at a time; every call takes constant time.
template <class Value>
class LruMap {
public:
    using Entry = std::pair<const std::string, Value>;

    /// With room for so many values.
    explicit LruMap(std::size_t capacity)
        : capacity_(capacity)
    {
    }

    /// The value, which counts as used now, or null. It lives until the next call that may insert.
    Value* find(std::string_view key)
    {
        const auto at = places_.find(key);
        if (at == places_.end())
            return nullptr;
        entries_.splice(entries_.begin(), entries_, at->second);
        return &at->second->second;
    }
    /// Keeps a value under a key, in place of the one that it has. Null with a capacity of 0.
    Value* insert(std::string_view key, Value value)
    {
        if (Value* const known = find(key)) {
            *known = std::move(value);
            return known;
        }
        if (capacity_ == 0)
            return nullptr;
        if (entries_.size() == capacity_) {
            places_.erase(entries_.back().first);
            entries_.pop_back();
        }
        entries_.emplace_front(std::string(key), std::move(value));
        places_.emplace(entries_.front().first, entries_.begin());
        return &entries_.front().second;
    }
    void erase(std::string_view key)
    {
        const auto at = places_.find(key);
        if (at == places_.end())
            return;
        const auto entry = at->second;
        places_.erase(at);
        entries_.erase(entry);
    }
    void clear()
    {
        places_.clear();
        entries_.clear();
    }

    /// How many there are, and how many there may be.
    std::size_t size() const { return entries_.size(); }
    std::size_t capacity() const { return capacity_; }
    /// The latest first.
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

private:
    std::size_t capacity_;
    std::list<Entry> entries_; // latest first
    std::unordered_map<std::string_view, typename std::list<Entry>::iterator>
        places_; // keys lie in entries_
};

}
