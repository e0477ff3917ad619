#include "tables.h"

#include <charconv>

namespace nuncio::storage_memory {

namespace {

    /// Ids are decimal numbers; nothing stands for "before the first".
    Result<std::uint64_t> read_id(const std::string& text)
    {
        std::uint64_t id = 0;
        const char* const end = text.data() + text.size();
        const auto [at, failure] = std::from_chars(text.data(), end, id);
        if (!text.empty() && (failure != std::errc() || at != end))
            return Error { "'" + text + "' is no item id: expected a number" };
        return id;
    }

}

Result<std::vector<StorageAnswer>> Tables::execute(const std::vector<StorageOp>& batch)
{
    std::vector<StorageAnswer> answers;
    Owners before;
    for (const StorageOp& op : batch) {
        auto answer = step(op, before);
        if (!answer) {
            for (auto& [place, owner] : before)
                owners_[place] = std::move(owner);
            std::erase_if(owners_, [](const auto& entry) { return entry.second.empty(); });
            return answer.error();
        }
        answers.push_back(std::move(*answer));
    }
    for (const auto& [place, owner] : before)
        if (const auto at = owners_.find(place); at != owners_.end() && at->second.empty())
            owners_.erase(at);
    return answers;
}

const Tables::Owner& Tables::find(const StorageOp& op) const
{
    static const Owner nobody;
    const auto at = owners_.find({ op.store, op.owner });
    return at == owners_.end() ? nobody : at->second;
}

Tables::Owner& Tables::change(const Place& place, Owners& before)
{
    Owner& owner = owners_[place];
    before.emplace(place, owner); // keeps the first copy
    return owner;
}

Result<StorageAnswer> Tables::step(const StorageOp& op, Owners& before)
{
    using Kind = StorageOp::Kind;
    const Place place { op.store, op.owner };
    StorageAnswer rows;
    switch (op.kind) {
    case Kind::get: {
        const auto& values = find(op).values;
        if (const auto at = values.find(op.key); at != values.end())
            rows.push_back({ at->first, at->second });
        return rows;
    }
    case Kind::put:
    case Kind::create:
    case Kind::replace:
        return put(op, before);
    case Kind::remove: {
        Owner& owner = change(place, before);
        if (op.key.empty())
            owner.values.clear();
        else
            owner.values.erase(op.key);
        return rows;
    }
    case Kind::list: {
        const auto& values = find(op).values;
        auto at = op.key.empty() ? values.begin() : values.upper_bound(op.key);
        for (; at != values.end() && rows.size() < op.limit; ++at)
            rows.push_back({ at->first, at->second });
        return rows;
    }
    case Kind::owners:
        for (const auto& [where, owner] : owners_)
            if (where.first == op.store && !owner.empty())
                rows.push_back({ where.second });
        return rows;
    case Kind::append: {
        const auto id = ++last_id_;
        change(place, before).items.emplace(id, Item { op.value, op.when });
        rows.push_back({ std::to_string(id), {}, op.when });
        return rows;
    }
    case Kind::range:
        return range(op);
    case Kind::remove_items:
        return remove_items(op, before);
    case Kind::count:
        rows.push_back({ std::to_string(find(op).items.size()) });
        return rows;
    case Kind::expire:
        for (auto& [where, owner] : owners_)
            if (where.first == op.store)
                std::erase_if(change(where, before).items,
                    [&](const auto& item) { return item.second.when < op.when; });
        return rows;
    case Kind::remove_owner:
        for (auto& [where, owner] : owners_)
            if (where.second == op.owner)
                change(where, before) = {};
        return rows;
    }
    return Error { "this driver does not know that step", Error::Kind::internal };
}

Result<StorageAnswer> Tables::put(const StorageOp& op, Owners& before)
{
    const bool is_there = find(op).values.contains(op.key);
    if (op.kind == StorageOp::Kind::create && is_there)
        return Error { op.store + ": '" + op.key + "' exists already", Error::Kind::conflict };
    if (op.kind == StorageOp::Kind::replace && !is_there)
        return Error { op.store + ": '" + op.key + "' does not exist", Error::Kind::not_found };
    change({ op.store, op.owner }, before).values[op.key] = op.value;
    return StorageAnswer {};
}

Result<StorageAnswer> Tables::range(const StorageOp& op) const
{
    const auto after = read_id(op.key);
    if (!after)
        return after.error();
    StorageAnswer rows;
    const auto& items = find(op).items;
    for (auto at = items.upper_bound(*after); at != items.end() && rows.size() < op.limit; ++at)
        rows.push_back({ std::to_string(at->first), at->second.value, at->second.when });
    return rows;
}

Result<StorageAnswer> Tables::remove_items(const StorageOp& op, Owners& before)
{
    const auto up_to = read_id(op.key);
    if (!up_to)
        return up_to.error();
    auto& items = change({ op.store, op.owner }, before).items;
    items.erase(items.begin(), op.key.empty() ? items.end() : items.upper_bound(*up_to));
    return StorageAnswer {};
}

void Tables::save(Snapshot& snapshot) const
{
    Value::Array owners;
    for (const auto& [place, owner] : owners_) {
        Value::Table values;
        for (const auto& [key, value] : owner.values)
            values.emplace_back(key, value);
        Value::Array items;
        for (const auto& [id, item] : owner.items)
            items.emplace_back(Value::Array { id, item.value, item.when });
        owners.emplace_back(Value::Array { place.first, place.second, values, items });
    }
    snapshot.put("owners", owners);
    snapshot.put("last_id", last_id_);
}

void Tables::restore(const Snapshot& snapshot)
{
    owners_.clear();
    last_id_ = snapshot.get("last_id", std::uint64_t(0));
    for (const Value& saved : snapshot.list("owners")) {
        const auto& parts = saved.as_array();
        if (parts.size() != 4)
            continue;
        Owner& owner = owners_[{ parts[0].as_string(), parts[1].as_string() }];
        for (const auto& [key, value] : parts[2].as_table())
            owner.values.emplace(key, value.as_string());
        for (const Value& item : parts[3].as_array()) {
            const auto& fields = item.as_array();
            if (fields.size() == 3)
                owner.items.emplace(std::uint64_t(fields[0].as_integer()),
                    Item { fields[1].as_string(), fields[2].as_integer() });
        }
    }
}

}
