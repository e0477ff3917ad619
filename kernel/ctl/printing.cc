// Answers for eyes: tables aligned, sizes and times in words.
#include "printing.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace nuncio::ctl {

namespace {

    bool ends_with(std::string_view key, std::string_view end)
    {
        return key.size() > end.size() && key.ends_with(end);
    }

    /// "resident_bytes" is printed as "resident", with its value in MiB.
    std::string heading_of(std::string_view key)
    {
        for (const std::string_view unit : { "_bytes", "_seconds" })
            if (ends_with(key, unit)) {
                key.remove_suffix(unit.size());
                break;
            }
        std::string heading(key);
        std::ranges::replace(heading, '_', ' ');
        return heading;
    }

    std::string size_text(double bytes)
    {
        const char* const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        std::size_t unit = 0;
        for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit)
            bytes /= 1024;
        char text[32];
        std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
        return text;
    }

    std::string time_text(std::int64_t seconds)
    {
        char text[64];
        if (seconds >= 86400)
            std::snprintf(text, sizeof text, "%lldd %lldh", static_cast<long long>(seconds / 86400),
                static_cast<long long>(seconds % 86400 / 3600));
        else if (seconds >= 3600)
            std::snprintf(text, sizeof text, "%lldh %lldmin",
                static_cast<long long>(seconds / 3600),
                static_cast<long long>(seconds % 3600 / 60));
        else if (seconds >= 60)
            std::snprintf(text, sizeof text, "%lldmin %llds", static_cast<long long>(seconds / 60),
                static_cast<long long>(seconds % 60));
        else
            std::snprintf(text, sizeof text, "%llds", static_cast<long long>(seconds));
        return text;
    }

    std::string scalar_text(std::string_view key, const Value& value)
    {
        if (ends_with(key, "_bytes") && value.kind() == Value::Kind::integer)
            return size_text(value.as_number());
        if (ends_with(key, "_seconds") && value.kind() == Value::Kind::integer)
            return time_text(value.as_integer());
        switch (value.kind()) {
        case Value::Kind::null:
            return "-";
        case Value::Kind::boolean:
            return value.as_bool() ? "yes" : "no";
        case Value::Kind::string: {
            const std::string& text = value.as_string();
            if (std::ranges::none_of(text, [](unsigned char c) { return c < ' '; }))
                return text;
            // A JSON string without its quotes has every control character escaped.
            const std::string quoted = value.json();
            return quoted.substr(1, quoted.size() - 2);
        }
        case Value::Kind::array: {
            std::string list;
            for (const Value& item : value.as_array())
                list += (list.empty() ? "" : ", ") + scalar_text({}, item);
            return list.empty() ? "-" : list;
        }
        case Value::Kind::integer:
        case Value::Kind::number:
        case Value::Kind::table:
            break;
        }
        return value.json();
    }

    /// Code points, which is what most terminals give a cell each.
    std::size_t width_of(std::string_view text)
    {
        return std::size_t(std::ranges::count_if(
            text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    }

    bool is_table_list(const Value& value)
    {
        return value.kind() == Value::Kind::array && !value.as_array().empty()
            && std::ranges::all_of(value.as_array(),
                [](const Value& item) { return item.kind() == Value::Kind::table; });
    }

    std::string columns(const Value& list, std::string_view indent)
    {
        std::vector<std::string> keys;
        for (const Value& row : list.as_array())
            for (const auto& [key, value] : row.as_table())
                if (std::ranges::find(keys, key) == keys.end())
                    keys.push_back(key);

        std::vector<std::vector<std::string>> lines(1);
        for (const std::string& key : keys)
            lines[0].push_back(heading_of(key));
        for (const Value& row : list.as_array()) {
            auto& line = lines.emplace_back();
            for (const std::string& key : keys) {
                const Value* value = row.find(key);
                line.push_back(scalar_text(key, value ? *value : Value()));
            }
        }

        std::string out;
        for (const auto& line : lines) {
            std::string text(indent);
            for (std::size_t i = 0; i < keys.size(); ++i) {
                std::size_t width = 0;
                for (const auto& other : lines)
                    width = std::max(width, width_of(other[i]));
                const std::size_t pad = width - width_of(line[i]);
                const Value* first = list.as_array()[0].find(keys[i]);
                const bool is_number = first
                    && (first->kind() == Value::Kind::integer
                        || first->kind() == Value::Kind::number);
                text += is_number ? std::string(pad, ' ') + line[i]
                                  : line[i] + std::string(pad, ' ');
                text += i + 1 < keys.size() ? "  " : "";
            }
            text.erase(text.find_last_not_of(' ') + 1);
            out += text + '\n';
        }
        return out;
    }

    std::string lines(const Value& table)
    {
        std::size_t width = 0;
        for (const auto& [key, value] : table.as_table())
            if (!is_table_list(value))
                width = std::max(width, width_of(heading_of(key)));
        std::string out;
        for (const auto& [key, value] : table.as_table()) {
            const std::string heading = heading_of(key);
            if (is_table_list(value)) {
                out += heading + ":\n" + columns(value, "  ");
                continue;
            }
            out += heading + std::string(width - width_of(heading), ' ') + "  "
                + scalar_text(key, value) + '\n';
        }
        return out;
    }

    std::string_view nothing_of(std::string_view command)
    {
        struct Nothing {
            std::string_view command, text;
        };
        static constexpr Nothing known[] = {
            { "reload", "nothing has changed since the configuration was applied" },
            { "plugin list", "no plugin is loaded" },
            { "plugin refresh", "every plugin is what its file on disk is" },
            { "plugin top", "no handler has run yet" },
            { "connected-users", "nobody is online" },
            { "lua list", "there are no scripts" },
            { "lua test", "there are no tests in these scripts" },
        };
        for (const auto& [name, text] : known)
            if (name == command)
                return text;
        return "none";
    }

}

std::string to_text(const Value& answer, std::string_view command)
{
    if (answer.kind() == Value::Kind::table)
        return lines(answer);
    if (is_table_list(answer))
        return columns(answer, {});
    if (answer.kind() == Value::Kind::array) {
        std::string out;
        for (const Value& item : answer.as_array())
            out += scalar_text({}, item) + '\n';
        return out.empty() ? std::string(nothing_of(command)) + '\n' : out;
    }
    return answer.is_null() ? "done\n" : scalar_text({}, answer) + '\n';
}

}
