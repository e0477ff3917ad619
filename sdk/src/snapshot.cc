// Snapshots: copies without places, because those are shared with whoever made them.
#include <nuncio/snapshot.h>

#include <limits>

namespace nuncio::inline v1 {

namespace {

    /// A place's file name is shared, and who made it may be gone by the time it is let go.
    Value without_places(const Value& value)
    {
        switch (value.kind()) {
        case Value::Kind::array: {
            Value::Array copy;
            copy.reserve(value.as_array().size());
            for (const Value& element : value.as_array())
                copy.push_back(without_places(element));
            return copy;
        }
        case Value::Kind::table: {
            Value::Table copy;
            copy.reserve(value.as_table().size());
            for (const auto& [name, member] : value.as_table())
                copy.emplace_back(name, without_places(member));
            return copy;
        }
        default: {
            Value copy = value;
            copy.set_place({});
            copy.set_key_place({});
            return copy;
        }
        }
    }

    const Value* of_kind(const Value* value, Value::Kind kind)
    {
        return value && value->kind() == kind ? value : nullptr;
    }

}

void Snapshot::put(std::string_view name, const Value& value)
{
    values_[name] = without_places(value);
}

bool Snapshot::get(std::string_view name, bool otherwise) const
{
    const Value* const found = of_kind(find(name), Value::Kind::boolean);
    return found ? found->as_bool() : otherwise;
}

int Snapshot::get(std::string_view name, int otherwise) const
{
    const std::int64_t found = get(name, std::int64_t(otherwise));
    const bool fits
        = found >= std::numeric_limits<int>::min() && found <= std::numeric_limits<int>::max();
    return fits ? static_cast<int>(found) : otherwise;
}

std::int64_t Snapshot::get(std::string_view name, std::int64_t otherwise) const
{
    const Value* const found = of_kind(find(name), Value::Kind::integer);
    return found ? found->as_integer() : otherwise;
}

std::uint64_t Snapshot::get(std::string_view name, std::uint64_t otherwise) const
{
    return static_cast<std::uint64_t>(get(name, static_cast<std::int64_t>(otherwise)));
}

double Snapshot::get(std::string_view name, double otherwise) const
{
    const Value* const found = find(name);
    const bool is_number
        = found && (found->kind() == Value::Kind::number || found->kind() == Value::Kind::integer);
    return is_number ? found->as_number() : otherwise;
}

std::string Snapshot::get(std::string_view name, std::string_view otherwise) const
{
    const Value* const found = of_kind(find(name), Value::Kind::string);
    return found ? found->as_string() : std::string(otherwise);
}

const Value::Array& Snapshot::list(std::string_view name) const
{
    static const Value::Array none;
    const Value* const found = find(name);
    return found ? found->as_array() : none;
}

}
