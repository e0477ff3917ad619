// A structured value with the place it was read from: configuration, command arguments and answers.
#pragma once

#include <nuncio/result.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace nuncio::inline v1 {

/// Where a value stands in a file; line 0 means "not from a file".
struct SourcePlace {
    std::shared_ptr<const std::string> file; // shared by all values of one file
    std::uint32_t line = 0;
    std::uint32_t column = 0;

    /// `file:line:column`, or empty.
    NUNCIO_API std::string text() const;
};

/// null, bool, integer, number, string, array or table (ordered). Copies deeply.
class NUNCIO_API Value {
public:
    enum class Kind { null, boolean, integer, number, string, array, table };
    using Array = std::vector<Value>;
    using Table = std::vector<std::pair<std::string, Value>>;

    Value() = default;
    /// From what it shall hold.
    Value(bool value);
    Value(int value);
    Value(std::int64_t value);
    Value(std::uint64_t value);
    Value(double value);
    Value(std::string value);
    Value(std::string_view value);
    Value(const char* value);
    Value(Array value);
    Value(Table value);

    /// What it holds now.
    Kind kind() const;
    bool is_null() const { return kind() == Kind::null; }

    /// These answer a zero or empty value when the kind is another.
    bool as_bool() const;
    std::int64_t as_integer() const;
    double as_number() const;
    const std::string& as_string() const;
    const Array& as_array() const;
    const Table& as_table() const;
    Array& array();
    Table& table();

    /// The table's member, or null.
    const Value* find(std::string_view key) const;
    /// The table's member, made when missing; turns a null into a table.
    Value& operator[](std::string_view key);

    /// Where it stands in the settings, for messages; nowhere when it was made by hand.
    const SourcePlace& place() const { return place_; }
    void set_place(SourcePlace place) { place_ = std::move(place); }
    /// Where a table's key itself stands.
    const SourcePlace& key_place() const { return key_place_; }
    void set_key_place(SourcePlace place) { key_place_ = std::move(place); }

    /// JSON text, keys in order; `indent` 0 is one line.
    std::string json(int indent = 0) const;
    /// Reads JSON (RFC 8259), at most `depth` levels deep.
    static Result<Value> parse_json(std::string_view text, int depth = 32);

    /// Equal kinds and contents; places do not count.
    friend NUNCIO_API bool operator==(const Value& a, const Value& b);

private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table> data_;
    SourcePlace place_;
    SourcePlace key_place_;
};

/// "internal-server-error", "text": the name of a kind as messages print it.
NUNCIO_API std::string_view to_string(Value::Kind kind);

}
