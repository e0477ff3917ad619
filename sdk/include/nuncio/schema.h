// Typed options: one declaration gives parsing, checking, defaults and documentation.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/value.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace nuncio::inline v1 {

/// A size in bytes; written as `"64 KiB"`, `"2 MB"` or a plain number.
struct Bytes {
    std::uint64_t count = 0;
    friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

/// What changing an option on a running server does.
enum class Reload {
    live, ///< taken up at once
    instance, ///< the plugin's instance on that host is built anew
    listener, ///< the listener is opened again
    restart, ///< waits for a restart of the server
};

/// A mistake in a settings file, printed as `file:line:column: message`.
struct ConfigError {
    SourcePlace place;
    std::string message;

    /// `file:line:column: message`.
    NUNCIO_API std::string text() const;
};

/// The options of one plugin or part. Built once; read from any thread.
class NUNCIO_API Schema {
public:
    /// What an option takes, for the reference and for messages.
    enum class Type { boolean, integer, number, string, duration, size, string_list, table_list };

    /// One option, as `option()` and its refinements made it.
    struct Option {
        std::string name;
        Type type = Type::string;
        std::string doc; ///< one or two sentences
        std::string default_text; ///< as it would be written in TOML
        Reload reload = Reload::instance;
        bool secret = false; ///< never printed
        bool required = false;
        std::vector<std::string> choices; ///< allowed strings; empty for any
        double min = -std::numeric_limits<double>::infinity();
        double max = std::numeric_limits<double>::infinity();
        /// Reads `value` into the settings object; the text of the error lacks the place.
        std::function<Result<void>(void* settings, const Value& value)> set;
    };

    Schema() = default;
    /// A schema without options; `summary` is a sentence for the reference.
    explicit Schema(std::string summary)
        : summary_(std::move(summary))
    {
    }

    /// Begins a schema for a settings struct; its member initialisers are the defaults.
    template <class Settings>
    class Of;
    template <class Settings>
    static Of<Settings> of(std::string summary);

    /// The sentence about the whole, and the options in the order they were declared. `find`
    /// answers null when there is none of that name.
    const std::string& summary() const { return summary_; }
    const std::vector<Option>& options() const { return options_; }
    const Option* find(std::string_view name) const;

    /// Checks every key and value of `table`, sets what is right in `settings`, and answers all
    /// that is wrong: unknown keys with the nearest valid name, wrong types, values out of range.
    /// `path` ("plugins.roster") leads the messages.
    std::vector<ConfigError> read(const Value& table, std::string_view path, void* settings) const;
    /// The same without keeping anything, for who does not know the settings struct.
    std::vector<ConfigError> check(const Value& table, std::string_view path) const;

protected:
    Option& add(Option option);
    /// Makes a settings object with the defaults.
    std::function<std::shared_ptr<void>()> make_settings_;

private:
    std::string summary_;
    std::vector<Option> options_;
};

namespace detail {

    /// Readers of one TOML value, by the type of the member.
    NUNCIO_API Result<void> read_value(const Value& value, bool& to);
    NUNCIO_API Result<void> read_value(const Value& value, std::int64_t& to);
    NUNCIO_API Result<void> read_value(const Value& value, double& to);
    NUNCIO_API Result<void> read_value(const Value& value, std::string& to);
    NUNCIO_API Result<void> read_value(const Value& value, Bytes& to);
    NUNCIO_API Result<void> read_value(const Value& value, std::vector<std::string>& to);
    NUNCIO_API Result<void> read_value(const Value& value, Value& to);
    /// Durations: `"90s"`, `"10 min"`, `"2h"`, `"30 days"`, or a number of seconds.
    NUNCIO_API Result<void> read_value(const Value& value, Duration& to);

    NUNCIO_API std::string write_value(bool value);
    NUNCIO_API std::string write_value(std::int64_t value);
    NUNCIO_API std::string write_value(double value);
    NUNCIO_API std::string write_value(const std::string& value);
    NUNCIO_API std::string write_value(Bytes value);
    NUNCIO_API std::string write_value(const std::vector<std::string>& value);
    NUNCIO_API std::string write_value(const Value& value);
    NUNCIO_API std::string write_value(Duration value);

    NUNCIO_API Error out_of_range(const Value& value);

    template <class T>
    constexpr Schema::Type type_of()
    {
        if constexpr (std::is_same_v<T, bool>)
            return Schema::Type::boolean;
        else if constexpr (std::is_integral_v<T>)
            return Schema::Type::integer;
        else if constexpr (std::is_floating_point_v<T>)
            return Schema::Type::number;
        else if constexpr (std::is_same_v<T, Bytes>)
            return Schema::Type::size;
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
            return Schema::Type::string_list;
        else if constexpr (std::is_same_v<T, Value>)
            return Schema::Type::table_list;
        else if constexpr (std::is_same_v<T, std::string>)
            return Schema::Type::string;
        else
            return Schema::Type::duration;
    }

    template <class T>
    Result<void> read_member(const Value& value, T& to)
    {
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
            std::int64_t wide = 0;
            if (auto read = read_value(value, wide); !read)
                return read;
            if (!std::in_range<T>(wide))
                return out_of_range(value);
            to = static_cast<T>(wide);
            return {};
        } else if constexpr (requires { typename T::period; }) {
            Duration wide {};
            if (auto read = read_value(value, wide); !read)
                return read;
            to = std::chrono::duration_cast<T>(wide);
            return {};
        } else {
            return read_value(value, to);
        }
    }

    template <class T>
    std::string write_member(const T& value)
    {
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
            return write_value(static_cast<std::int64_t>(value));
        else if constexpr (requires { typename T::period; })
            return write_value(std::chrono::duration_cast<Duration>(value));
        else
            return write_value(value);
    }

}

/// The refinement of one option: `.option("port", &S::port, "…").range(1, 65535)`.
template <class Settings>
class Schema::Of : public Schema {
public:
    explicit Of(std::string summary)
        : Schema(std::move(summary))
    {
        make_settings_ = [] { return std::make_shared<Settings>(); };
    }

    /// Binds `name` to a member of the settings, whose initialiser is the default.
    template <class T>
    Of& option(std::string name, T Settings::*member, std::string doc)
    {
        Option made;
        made.name = std::move(name);
        made.type = detail::type_of<T>();
        made.doc = std::move(doc);
        made.default_text = detail::write_member(Settings {}.*member);
        made.set = [member](void* settings, const Value& value) {
            return detail::read_member(value, static_cast<Settings*>(settings)->*member);
        };
        last_ = options().size();
        add(std::move(made));
        return *this;
    }
    /// Inclusive bounds: of a number, of a size in bytes, of a duration in seconds.
    Of& range(double min, double max)
    {
        last().min = min;
        last().max = max;
        return *this;
    }
    /// The texts that are allowed; nothing else is.
    Of& choices(std::vector<std::string> allowed)
    {
        last().choices = std::move(allowed);
        return *this;
    }
    Of& reload(Reload effect)
    {
        last().reload = effect;
        return *this;
    }
    Of& secret()
    {
        last().secret = true;
        return *this;
    }
    Of& required()
    {
        last().required = true;
        return *this;
    }

private:
    Option& last() { return const_cast<Option&>(options()[last_]); }
    std::size_t last_ = 0;
};

template <class Settings>
Schema::Of<Settings> Schema::of(std::string summary)
{
    return Of<Settings>(std::move(summary));
}

/// The merged table that configures one instance: defaults ← `[plugins.NAME]` ←
/// `[hosts."H".plugins.NAME]`. Handed to Plugin::configure after the schema accepted it.
class NUNCIO_API Config {
public:
    Config(const Schema& schema, const Value& table)
        : schema_(schema)
        , table_(table)
    {
    }

    /// The settings struct that the schema was made for.
    template <class Settings>
    Settings as() const
    {
        Settings settings;
        (void)schema_.read(table_, {}, &settings);
        return settings;
    }
    const Value& table() const { return table_; }
    /// An error about one option, placed at its value.
    Error error(std::string_view option, std::string_view message) const;

private:
    const Schema& schema_;
    const Value& table_;
};

/// The name of `known` closest to `name`, or empty when none is near.
NUNCIO_API std::string_view nearest(
    std::string_view name, const std::vector<std::string_view>& known);

}
