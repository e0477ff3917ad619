#include "json_lines.h"

#include <nuncio/value.h>

#include <utility>

namespace nuncio::kernel::accounts {

Result<WrittenAccount> JsonLines::read(std::string_view line)
{
    const auto value = Value::parse_json(line, 4);
    if (!value || value->kind() != Value::Kind::table)
        return Error { "expected an object of JSON on a line" };
    WrittenAccount written;
    const std::pair<const char*, std::string*> texts[]
        = { { "jid", &written.jid }, { "user", &written.user }, { "host", &written.host } };
    for (const auto& [name, text] : texts)
        if (const Value* member = value->find(name)) {
            if (member->kind() != Value::Kind::string)
                return Error { std::string(name) + ": expected a text" };
            *text = member->as_string();
        }
    if (const Value* password = value->find("password"); password && !password->is_null()) {
        if (password->kind() != Value::Kind::string)
            return Error { "password: expected a text" };
        written.password = password->as_string();
    }
    if (const Value* keys = value->find("keys"); keys && !keys->is_null()) {
        if (keys->kind() != Value::Kind::array)
            return Error { "keys: expected a list of texts" };
        for (const Value& one : keys->as_array())
            if (auto added = add_keys(written, one.as_string()); !added)
                return added.error();
    }
    return written;
}

std::string to_json_line(const FileAccount& account)
{
    Value line;
    line["jid"] = account.user + '@' + account.host;
    for (std::size_t i = 0; i < account.keys.size(); ++i)
        if (account.keys[i])
            line["keys"].array().emplace_back(to_text(static_cast<ScramHash>(i), *account.keys[i]));
    if (account.password)
        line["password"] = *account.password;
    return line.json() + '\n';
}

}
