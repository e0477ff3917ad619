#include "csv.h"

#include "file_text.h"

#include <algorithm>

namespace nuncio::kernel::accounts {

namespace {

    Result<std::vector<std::string>> fields_of(std::string_view line)
    {
        std::vector<std::string> fields;
        for (;;) {
            std::string field;
            if (line.starts_with('"')) {
                line.remove_prefix(1);
                for (;;) {
                    const auto quote = line.find('"');
                    if (quote == line.npos)
                        return Error { "a field's quotation mark is not closed on its line" };
                    field += line.substr(0, quote);
                    line.remove_prefix(quote + 1);
                    if (!line.starts_with('"'))
                        break;
                    field += '"';
                    line.remove_prefix(1);
                }
                if (!line.empty() && !line.starts_with(','))
                    return Error { "expected a comma behind a quoted field" };
            } else {
                const auto end = line.find(',');
                field = line.substr(0, end);
                line.remove_prefix(std::min(end, line.size()));
            }
            fields.push_back(std::move(field));
            if (line.empty())
                return fields;
            line.remove_prefix(1);
        }
    }

}

Result<void> Csv::read_header()
{
    std::string line;
    const auto has_line = take_line(line);
    if (!has_line)
        return has_line.error();
    auto names = fields_of(line);
    if (!names)
        return at_line(1, names.error().text);
    for (std::string& name : *names)
        columns_.emplace_back(trimmed(name));
    const auto has = [&](std::string_view name) { return std::ranges::count(columns_, name) == 1; };
    if ((has("jid") || has("user")) && (has("password") || has("keys")))
        return {};
    return at_line(1,
        "expected XML of XEP-0227, JSON objects, or a line that names the columns of CSV: "
        "jid (or user and host), and password or keys");
}

Result<WrittenAccount> Csv::read(std::string_view line)
{
    const auto fields = fields_of(line);
    if (!fields)
        return fields.error();
    if (fields->size() != columns_.size())
        return Error { "expected " + std::to_string(columns_.size()) + " fields, not "
            + std::to_string(fields->size()) };
    WrittenAccount written;
    for (std::size_t i = 0; i < fields->size(); ++i) {
        const std::string& field = (*fields)[i];
        const std::string& name = columns_[i];
        if (name == "jid")
            written.jid = trimmed(field);
        else if (name == "user")
            written.user = trimmed(field);
        else if (name == "host")
            written.host = trimmed(field);
        else if (name == "password")
            written.password = field;
        else if (name == "keys")
            for (const auto keys : split(field, ' '))
                if (!keys.empty())
                    if (auto added = add_keys(written, keys); !added)
                        return added.error();
    }
    return written;
}

}
