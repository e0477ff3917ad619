// Readers and writers of single option values: durations, sizes, lists.
#include "option_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace nuncio::inline v1 {

namespace {

    struct Unit {
        std::string_view name;
        std::uint64_t factor;
    };

    // Longest that fit first: a writer takes the first one that divides.
    constexpr std::uint64_t second = 1'000'000'000;
    constexpr std::array duration_units {
        Unit { "weeks", 604800 * second },
        Unit { "week", 604800 * second },
        Unit { "w", 604800 * second },
        Unit { "days", 86400 * second },
        Unit { "day", 86400 * second },
        Unit { "d", 86400 * second },
        Unit { "hours", 3600 * second },
        Unit { "hour", 3600 * second },
        Unit { "h", 3600 * second },
        Unit { "minutes", 60 * second },
        Unit { "minute", 60 * second },
        Unit { "min", 60 * second },
        Unit { "m", 60 * second },
        Unit { "seconds", second },
        Unit { "second", second },
        Unit { "sec", second },
        Unit { "s", second },
        Unit { "ms", 1'000'000 },
        Unit { "us", 1'000 },
        Unit { "ns", 1 },
    };
    constexpr std::array size_units {
        Unit { "TiB", 1ull << 40 },
        Unit { "GiB", 1ull << 30 },
        Unit { "MiB", 1ull << 20 },
        Unit { "KiB", 1ull << 10 },
        Unit { "TB", 1'000'000'000'000 },
        Unit { "GB", 1'000'000'000 },
        Unit { "MB", 1'000'000 },
        Unit { "kB", 1'000 },
        Unit { "KB", 1'000 },
        Unit { "B", 1 },
        Unit { "bytes", 1 },
    };

    std::string_view trim(std::string_view text)
    {
        const auto first = text.find_first_not_of(" \t");
        if (first == std::string_view::npos)
            return {};
        return text.substr(first, text.find_last_not_of(" \t") - first + 1);
    }

    /// `90s`, `1.5 h`, `1h 30min`: numbers with units, summed up. No value when it is not that or
    /// does not fit.
    template <std::size_t n>
    bool read_units(std::string_view text, const std::array<Unit, n>& units, std::uint64_t& to)
    {
        long double sum = 0;
        text = trim(text);
        if (text.empty())
            return false;
        while (!text.empty()) {
            double number = 0;
            const auto [end, error] = std::from_chars(
                text.data(), text.data() + text.size(), number, std::chars_format::fixed);
            if (error != std::errc() || number < 0 || !std::isfinite(number))
                return false;
            text = trim(text.substr(std::size_t(end - text.data())));
            const auto name = text.substr(0, text.find_first_of(" \t0123456789"));
            const Unit* unit = nullptr;
            for (const Unit& known : units)
                if (known.name == name)
                    unit = &known;
            if (!unit)
                return false;
            sum += static_cast<long double>(number) * unit->factor;
            text = trim(text.substr(name.size()));
        }
        if (sum > static_cast<long double>(std::numeric_limits<std::int64_t>::max()))
            return false;
        to = static_cast<std::uint64_t>(std::llround(sum));
        return true;
    }

    constexpr const char* duration_expected = "expected a duration such as \"90s\" or \"10 min\"";
    constexpr const char* size_expected = "expected a size such as \"64 KiB\" or \"2 MB\"";

}

namespace detail {

    std::string describe(const Value& value)
    {
        switch (value.kind()) {
        case Value::Kind::boolean:
        case Value::Kind::integer:
        case Value::Kind::number:
            return value.json();
        case Value::Kind::string: {
            constexpr std::size_t room = 60;
            if (value.as_string().size() <= room)
                return "the string " + value.json();
            return "the string " + Value(value.as_string().substr(0, room)).json() + "…";
        }
        case Value::Kind::array:
            if (value.json().size() <= 60)
                return "the list " + value.json();
            return "a list";
        case Value::Kind::null:
        case Value::Kind::table:
            break;
        }
        return value.is_null() ? "nothing" : "a table";
    }

    Result<void> check_type(Schema::Type type, const Value& value)
    {
        const auto read = [&](auto to) { return read_value(value, to); };
        switch (type) {
        case Schema::Type::boolean:
            return read(false);
        case Schema::Type::integer:
            return read(std::int64_t());
        case Schema::Type::number:
            return read(0.0);
        case Schema::Type::string:
            return read(std::string());
        case Schema::Type::duration:
            return read(Duration());
        case Schema::Type::size:
            return read(Bytes());
        case Schema::Type::string_list:
            return read(std::vector<std::string>());
        case Schema::Type::table_list:
            return read(Value());
        }
        return {};
    }

    Result<void> read_value(const Value& value, bool& to)
    {
        if (value.kind() != Value::Kind::boolean)
            return Error { "expected true or false" };
        to = value.as_bool();
        return {};
    }

    Result<void> read_value(const Value& value, std::int64_t& to)
    {
        if (value.kind() != Value::Kind::integer)
            return Error { "expected a whole number" };
        to = value.as_integer();
        return {};
    }

    Result<void> read_value(const Value& value, double& to)
    {
        if (value.kind() != Value::Kind::integer && value.kind() != Value::Kind::number)
            return Error { "expected a number" };
        to = value.as_number();
        return {};
    }

    Result<void> read_value(const Value& value, std::string& to)
    {
        if (value.kind() != Value::Kind::string)
            return Error { "expected a string" };
        to = value.as_string();
        return {};
    }

    Result<void> read_value(const Value& value, Bytes& to)
    {
        if (value.kind() == Value::Kind::integer && value.as_integer() >= 0) {
            to.count = static_cast<std::uint64_t>(value.as_integer());
            return {};
        }
        if (value.kind() == Value::Kind::string
            && read_units(value.as_string(), size_units, to.count))
            return {};
        return Error { size_expected };
    }

    Result<void> read_value(const Value& value, Duration& to)
    {
        const bool is_number
            = value.kind() == Value::Kind::integer || value.kind() == Value::Kind::number;
        constexpr double most = double(std::numeric_limits<std::int64_t>::max()) / double(second);
        if (is_number && value.as_number() >= 0 && value.as_number() < most) {
            to = value.kind() == Value::Kind::integer
                ? std::chrono::seconds(value.as_integer())
                : Duration(std::llround(value.as_number() * double(second)));
            return {};
        }
        std::uint64_t count = 0;
        if (value.kind() == Value::Kind::string
            && read_units(value.as_string(), duration_units, count)) {
            to = Duration(static_cast<std::int64_t>(count));
            return {};
        }
        return Error { duration_expected };
    }

    Result<void> read_value(const Value& value, std::vector<std::string>& to)
    {
        std::vector<std::string> read;
        for (const Value& item : value.as_array()) {
            if (item.kind() != Value::Kind::string)
                return Error { "expected a list of strings" };
            read.push_back(item.as_string());
        }
        if (value.kind() != Value::Kind::array)
            return Error { "expected a list of strings, such as [\"a\", \"b\"]" };
        to = std::move(read);
        return {};
    }

    Result<void> read_value(const Value& value, Value& to)
    {
        if (value.kind() != Value::Kind::array && value.kind() != Value::Kind::table)
            return Error { "expected a table or a list of tables" };
        to = value;
        return {};
    }

    std::string write_value(bool value)
    {
        return value ? "true" : "false";
    }

    std::string write_value(std::int64_t value)
    {
        return std::to_string(value);
    }

    std::string write_value(double value)
    {
        return Value(value).json();
    }

    std::string write_value(const std::string& value)
    {
        return Value(value).json(); // a JSON string is a TOML basic string as well
    }

    std::string write_value(Bytes value)
    {
        // The largest unit that divides it: "16 GB", not "15625000 KiB".
        const Unit* best = nullptr;
        for (const Unit& unit : size_units)
            if (unit.factor > 1 && value.count != 0 && value.count % unit.factor == 0
                && (!best || unit.factor > best->factor))
                best = &unit;
        if (best)
            return '"' + std::to_string(value.count / best->factor) + " " + std::string(best->name)
                + '"';
        return std::to_string(value.count);
    }

    std::string write_value(Duration value)
    {
        struct Written {
            std::uint64_t factor;
            std::string_view one, many;
        };
        static constexpr std::array written {
            Written { 86400 * second, " day", " days" },
            Written { 3600 * second, "h", "h" },
            Written { 60 * second, " min", " min" },
            Written { second, "s", "s" },
            Written { 1'000'000, "ms", "ms" },
            Written { 1'000, "us", "us" },
            Written { 1, "ns", "ns" },
        };
        const auto count = static_cast<std::uint64_t>(value.count());
        for (const Written& unit : written)
            if (count != 0 && count % unit.factor == 0)
                return '"' + std::to_string(count / unit.factor)
                    + std::string(count == unit.factor ? unit.one : unit.many) + '"';
        return "\"0s\"";
    }

    std::string write_value(const std::vector<std::string>& value)
    {
        std::string out = "[";
        for (const auto& item : value)
            out += (out.size() > 1 ? ", " : "") + write_value(item);
        return out + "]";
    }

    std::string write_value(const Value& value)
    {
        if (value.kind() == Value::Kind::table) {
            std::string out = "{";
            for (const auto& [key, member] : value.as_table())
                out += (out.size() > 1 ? ", " : " ") + write_value(key) + " = "
                    + write_value(member);
            return out + (out.size() > 1 ? " }" : "}");
        }
        if (value.kind() != Value::Kind::array)
            return value.is_null() ? "[]" : value.json();
        std::string out = "[";
        for (const Value& item : value.as_array())
            out += (out.size() > 1 ? ", " : "") + write_value(item);
        return out + "]";
    }

    Error out_of_range(const Value&)
    {
        return Error { "expected a number that fits" };
    }

}

}
