// Typed options: what is wrong with a table, all at once.
#include "option_text.h"

#include <nuncio/schema.h>

#include <algorithm>
#include <cassert>

namespace nuncio::inline v1 {

std::string ConfigError::text() const
{
    const std::string at = place.text();
    return at.empty() ? message : at + ": " + message;
}

const Schema::Option* Schema::find(std::string_view name) const
{
    const auto found = std::ranges::find(options_, name, &Option::name);
    return found == options_.end() ? nullptr : &*found;
}

Schema::Option& Schema::add(Option option)
{
    assert(!find(option.name) && "an option is declared once");
    options_.push_back(std::move(option));
    return options_.back();
}

namespace {

    std::string join(std::string_view path, std::string_view name)
    {
        return path.empty() ? std::string(name) : std::string(path) + "." + std::string(name);
    }

    std::string list_of(const std::vector<std::string>& names)
    {
        std::string out;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (i > 0)
                out += i + 1 == names.size() ? " or " : ", ";
            out += '"' + names[i] + '"';
        }
        return out;
    }

    /// A bound as the option's values are written.
    std::string bound_text(Schema::Type type, double bound)
    {
        if (type == Schema::Type::duration)
            return detail::write_value(
                std::chrono::duration_cast<Duration>(std::chrono::duration<double>(bound)));
        if (type == Schema::Type::size)
            return detail::write_value(Bytes { static_cast<std::uint64_t>(bound) });
        if (type == Schema::Type::integer)
            return detail::write_value(static_cast<std::int64_t>(bound));
        return detail::write_value(bound);
    }

    Result<void> check_range(const Schema::Option& option, const Value& value)
    {
        double number = value.as_number();
        if (option.type == Schema::Type::duration) {
            Duration duration {};
            if (auto read = detail::read_value(value, duration); !read)
                return read;
            number = std::chrono::duration<double>(duration).count();
        } else if (option.type == Schema::Type::size) {
            Bytes size;
            if (auto read = detail::read_value(value, size); !read)
                return read;
            number = double(size.count);
        }
        if (number >= option.min && number <= option.max)
            return {};
        const bool has_min = option.min > -std::numeric_limits<double>::infinity();
        const bool has_max = option.max < std::numeric_limits<double>::infinity();
        std::string text = "expected ";
        if (has_min && has_max)
            text += "something from " + bound_text(option.type, option.min) + " to "
                + bound_text(option.type, option.max);
        else if (has_min)
            text += "at least " + bound_text(option.type, option.min);
        else
            text += "at most " + bound_text(option.type, option.max);
        return Error { text };
    }

    Result<void> check_choice(const Schema::Option& option, const Value& value)
    {
        const auto check = [&](const std::string& chosen) -> Result<void> {
            if (std::ranges::find(option.choices, chosen) != option.choices.end())
                return {};
            return Error { "expected " + list_of(option.choices) };
        };
        for (const Value& item : value.as_array())
            if (auto checked = check(item.as_string()); !checked)
                return checked;
        if (value.kind() == Value::Kind::string)
            return check(value.as_string());
        return {};
    }

    bool has_range(const Schema::Option& option)
    {
        return option.min != -std::numeric_limits<double>::infinity()
            || option.max != std::numeric_limits<double>::infinity();
    }

    std::string unknown_option(const Schema& schema, std::string_view name)
    {
        std::vector<std::string_view> known;
        std::vector<std::string> names;
        for (const auto& option : schema.options()) {
            known.push_back(option.name);
            names.push_back(option.name);
        }
        std::string text = "there is no option \"" + std::string(name) + '"';
        if (const auto near = nearest(name, known); !near.empty())
            return text + "; did you mean \"" + std::string(near) + "\"?";
        if (known.empty())
            return text + "; nothing can be set here";
        if (known.size() <= 6)
            return text + "; there is " + list_of(names);
        return text;
    }

}

std::vector<ConfigError> Schema::read(
    const Value& table, std::string_view path, void* settings) const
{
    std::vector<ConfigError> errors;
    const auto place_of
        = [&](const SourcePlace& place) { return place.line != 0 ? place : table.place(); };
    if (table.kind() != Value::Kind::table && !table.is_null()) {
        errors.push_back({ table.place(),
            std::string(path) + ": expected a table, not " + detail::describe(table) });
        return errors;
    }
    for (const auto& [key, value] : table.as_table()) {
        const Option* option = find(key);
        if (!option) {
            const std::string lead = path.empty() ? std::string() : std::string(path) + ": ";
            errors.push_back({ place_of(value.key_place()), lead + unknown_option(*this, key) });
            continue;
        }
        // The order matters: the reader judges the type first, so that the others can rely on it;
        // and a value that is refused must not have been set.
        Result<void> done = detail::check_type(option->type, value);
        if (done && !option->choices.empty())
            done = check_choice(*option, value);
        if (done && has_range(*option))
            done = check_range(*option, value);
        if (done)
            done = option->set(settings, value);
        if (done)
            continue;
        std::string message = join(path, key) + ": " + done.error().text;
        if (!option->secret)
            message += ", not " + detail::describe(value);
        errors.push_back({ place_of(value.place()), std::move(message) });
    }
    for (const auto& option : options_)
        if (option.required && !table.find(option.name))
            errors.push_back({ table.place(), join(path, option.name) + ": is missing" });
    return errors;
}

std::vector<ConfigError> Schema::check(const Value& table, std::string_view path) const
{
    const auto settings = make_settings_ ? make_settings_() : nullptr;
    return read(table, path, settings.get());
}

Error Config::error(std::string_view option, std::string_view message) const
{
    const Value* value = table_.find(option);
    const SourcePlace& place = value && value->place().line != 0 ? value->place() : table_.place();
    return Error {
        ConfigError { place, std::string(option) + ": " + std::string(message) }.text()
    };
}

}
