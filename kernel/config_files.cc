// conf.d: its files in order, parsed and merged into one table.
#include "config_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

// COMPAT(toml++ 3.3): some malformed headers (`[[[`) fail its assertions, which in a release build
// of clang become assumptions. Without them it reports an error like any other.
#undef NDEBUG
// The distribution's shared library is built with exceptions and without these bounds.
#undef TOML_SHARED_LIB
#undef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY 1
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_MAX_NESTED_VALUES 16
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace nuncio::kernel {

namespace {

    // Far beyond any real configuration; a wrong path to a disk image must not fill the memory.
    constexpr std::size_t file_bytes = 1048576;
    constexpr std::size_t file_count = 1000;

    class Converter {
    public:
        Converter(const std::string& file, std::vector<ConfigError>& errors)
            : file_(std::make_shared<const std::string>(file))
            , errors_(errors)
        {
        }

        Value convert(const toml::node& node)
        {
            Value value = contents(node);
            value.set_place(place(node.source()));
            return value;
        }

        SourcePlace place(const toml::source_region& region) const
        {
            return { file_, region.begin.line, region.begin.column };
        }

    private:
        Value contents(const toml::node& node)
        {
            if (const auto* table = node.as_table())
                return convert_table(*table);
            if (const auto* array = node.as_array()) {
                Value::Array items;
                for (const toml::node& item : *array)
                    items.push_back(convert(item));
                return items;
            }
            if (const auto* text = node.as_string())
                return text->get();
            if (const auto* number = node.as_integer())
                return number->get();
            if (const auto* number = node.as_floating_point())
                return number->get();
            if (const auto* truth = node.as_boolean())
                return truth->get();
            errors_.push_back({ place(node.source()),
                "dates and times are not used here; put a text in quotes" });
            return {};
        }

        Value convert_table(const toml::table& table)
        {
            Value::Table members;
            for (auto&& [key, node] : table) {
                Value value = convert(node);
                value.set_key_place(place(key.source()));
                members.emplace_back(std::string(key.str()), std::move(value));
            }
            // toml++ sorts by key; a reader of messages and answers expects the file's order.
            std::ranges::stable_sort(members, {}, [](const auto& member) {
                const SourcePlace& at = member.second.key_place();
                return std::pair(at.line, at.column);
            });
            return members;
        }

        std::shared_ptr<const std::string> file_; // shared by every value's place
        std::vector<ConfigError>& errors_;
    };

    /// COMPAT(toml++ 3.3): it nests a table for every part of a dotted key without a bound, and
    /// recurses through them. Answers the first line (from 1) with too many dots, or 0.
    std::uint32_t line_with_deep_key(std::string_view text)
    {
        constexpr int most_dots = 200;
        std::uint32_t line = 1;
        int dots = 0;
        char quote = 0;
        bool is_comment = false;
        for (const char c : text) {
            if (c == '\n') {
                ++line;
                dots = 0;
                quote = 0;
                is_comment = false;
            } else if (quote) {
                quote = c == quote ? '\0' : quote;
            } else if (c == '"' || c == '\'') {
                quote = c;
            } else if (c == '#') {
                is_comment = true;
            } else if (c == '.' && !is_comment && ++dots > most_dots) {
                return line;
            }
        }
        return 0;
    }

    bool is_table_list(const Value& value)
    {
        const auto& items = value.as_array();
        return !items.empty() && std::ranges::all_of(items, [](const Value& item) {
            return item.kind() == Value::Kind::table;
        });
    }

    void merge_into(Value& into, Value from, Conflict conflict, const std::string& path,
        std::vector<ConfigError>& errors)
    {
        using Kind = Value::Kind;
        if (into.kind() == Kind::table && from.kind() == Kind::table) {
            for (auto& [key, value] : from.table()) {
                const std::string below = path.empty() ? key : path + "." + key;
                if (into.find(key))
                    merge_into(into[key], std::move(value), conflict, below, errors);
                else
                    into[key] = std::move(value);
            }
            return;
        }
        if (conflict == Conflict::overrides) {
            into = std::move(from);
            return;
        }
        if (is_table_list(into) && is_table_list(from)) {
            std::ranges::move(from.array(), std::back_inserter(into.array()));
            return;
        }
        errors.push_back({ from.key_place(),
            path + ": is set already at " + into.key_place().text()
                + "; keep one of the two, or move this one to local.toml, which overrides" });
    }

    bool is_local(const std::string& name)
    {
        return name == "local.toml"
            || (name.starts_with('9') && name.find("-local") != std::string::npos);
    }

    bool read_file(const std::string& path, std::string& to, std::vector<ConfigError>& errors)
    {
        std::ifstream stream(path, std::ios::binary);
        if (!stream) {
            errors.push_back({ {}, path + ": cannot be read; check its owner and permissions" });
            return false;
        }
        to.resize(file_bytes + 1);
        stream.read(to.data(), std::streamsize(to.size()));
        to.resize(std::size_t(stream.gcount()));
        if (to.size() <= file_bytes)
            return true;
        errors.push_back({ {}, path + ": is larger than 1 MiB; is it a configuration file?" });
        return false;
    }

}

Value parse_toml(std::string_view text, const std::string& file, std::vector<ConfigError>& errors)
{
    if (const auto line = line_with_deep_key(text)) {
        errors.push_back({ { std::make_shared<const std::string>(file), line, 1 },
            "a key has more than 200 parts" });
        return Value::Table();
    }
    const auto parsed = toml::parse(text, file);
    Converter converter(file, errors);
    if (parsed)
        return converter.convert(parsed.table());
    const toml::parse_error& error = parsed.error();
    errors.push_back({ converter.place(error.source()), std::string(error.description()) });
    return Value::Table();
}

void merge_tables(Value& into, Value from, Conflict conflict, std::vector<ConfigError>& errors)
{
    merge_into(into, std::move(from), conflict, {}, errors);
}

Value read_config_files(const std::string& folder, std::vector<ConfigError>& errors)
{
    namespace fs = std::filesystem;
    Value merged = Value::Table();
    std::error_code failure;
    std::vector<std::string> names;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        // Editors leave .#x.toml and x.toml~ beside a file.
        if (name.ends_with(".toml") && !name.starts_with('.'))
            names.push_back(name);
    }
    if (failure)
        errors.push_back({ {},
            folder + ": cannot be read: " + failure.message()
                + "; give the folder of your *.toml files with --config" });
    else if (names.empty())
        errors.push_back({ {}, folder + ": holds no *.toml file" });
    if (names.size() > file_count) {
        errors.push_back({ {}, folder + ": holds more than 1000 *.toml files" });
        return merged;
    }
    std::ranges::sort(names, {}, [](const auto& name) { return std::pair(is_local(name), name); });

    for (const std::string& name : names) {
        const std::string path = (fs::path(folder) / name).string();
        std::string text;
        if (!read_file(path, text, errors))
            continue;
        const auto conflict = is_local(name) ? Conflict::overrides : Conflict::is_error;
        merge_tables(merged, parse_toml(text, path, errors), conflict, errors);
    }
    return merged;
}

}
