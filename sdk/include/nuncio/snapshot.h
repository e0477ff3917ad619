// What a plugin hands over to the next generation of itself: plain named values.
#pragma once

#include <nuncio/value.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// Written by Plugin::save or by a slot's value, read by the generation that follows, which may be
/// of an older or a newer release. Everything in it is a copy that the library owns: nothing points
/// into the code that wrote it. Used by one thread at a time.
class NUNCIO_API Snapshot {
public:
    /// What its writer calls the meaning of the values; 0 unless it was set. A reader that does not
    /// know a version takes what it finds by name, or refuses.
    std::uint32_t version() const { return version_; }
    void set_version(std::uint32_t version) { version_ = version; }

    /// Adds a value, or replaces that of the same name. A string may hold any bytes.
    void put(std::string_view name, const Value& value);

    /// The value, or null. Valid until the next put.
    const Value* find(std::string_view name) const { return values_.find(name); }
    /// The value, or `otherwise` when there is none of that kind.
    bool get(std::string_view name, bool otherwise) const;
    int get(std::string_view name, int otherwise) const;
    std::int64_t get(std::string_view name, std::int64_t otherwise) const;
    std::uint64_t get(std::string_view name, std::uint64_t otherwise) const;
    double get(std::string_view name, double otherwise) const;
    std::string get(std::string_view name, std::string_view otherwise) const;
    std::string get(std::string_view name, const char* otherwise) const
    {
        return get(name, std::string_view(otherwise));
    }
    /// The array's elements, or none.
    const Value::Array& list(std::string_view name) const;

    /// Nothing was put into it.
    bool empty() const { return values_.as_table().empty(); }

private:
    std::uint32_t version_ = 0;
    Value values_ { Value::Table() };
};

}
