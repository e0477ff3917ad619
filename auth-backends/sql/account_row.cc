#include "account_row.h"

#include <nuncio/crypto.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>

namespace nuncio::sql {

namespace {

    std::string lower(std::string_view text)
    {
        std::string out(text);
        for (char& c : out)
            if (c >= 'A' && c <= 'Z')
                c = static_cast<char>(c - 'A' + 'a');
        return out;
    }

    /// Some databases spell names in capitals.
    std::optional<std::size_t> find(
        const std::vector<std::string>& columns, std::initializer_list<std::string_view> names)
    {
        for (std::size_t i = 0; i < columns.size(); ++i)
            if (std::ranges::find(names, lower(columns[i])) != names.end())
                return i;
        return {};
    }

    struct Columns {
        explicit Columns(const std::vector<std::string>& names)
            : password(find(names, { "password" }).value_or(0))
            , user(find(names, { "username", "user" }))
            , salt(find(names, { "salt" }))
            , server_key(find(names, { "serverkey", "server_key" }))
            , iterations(find(names, { "iterationcount", "iterations" }))
            , disabled(find(names, { "disabled" }))
            , expired(find(names, { "expired" }))
        {
        }
        std::size_t password;
        std::optional<std::size_t> user, salt, server_key, iterations, disabled, expired;
    };

    /// Empty when there is no such column.
    Field field(const std::vector<Field>& row, std::optional<std::size_t> column)
    {
        return column ? row[*column] : Field();
    }

}

bool is_true(const Field& field)
{
    if (!field)
        return false;
    constexpr std::string_view no[] = { "", "0", "f", "false", "n", "no" };
    const std::string_view bytes = *field;
    if (bytes == std::string_view("\0", 1)) // BIT(1)
        return false;
    return std::ranges::find(no, lower(bytes)) == std::end(no);
}

Result<std::optional<AccountRow>> read_account(
    const Answer& answer, std::string_view user, std::string_view domain)
{
    const Columns columns(answer.columns);
    const std::string jid = std::string(user) + "@" + std::string(domain);
    AccountRow account;
    bool is_known = false;
    for (const auto& row : answer.rows) {
        if (columns.user && row[*columns.user] != user && row[*columns.user] != jid)
            continue;
        is_known = true;
        StoredPassword stored { row[columns.password].value_or(""),
            field(row, columns.salt).value_or(""), field(row, columns.server_key).value_or("") };
        if (const Field text = field(row, columns.iterations); text && !text->empty()) {
            const char* const end = text->data() + text->size();
            const auto [at, failure] = std::from_chars(text->data(), end, stored.iterations);
            if (failure != std::errc() || at != end)
                return Error { "the column of iterations: expected a number" };
        }
        account.passwords.push_back(std::move(stored));
        account.is_disabled |= is_true(field(row, columns.disabled));
        account.is_expired |= is_true(field(row, columns.expired));
    }
    if (!is_known)
        return std::optional<AccountRow>();
    return std::optional(std::move(account));
}

std::string password_mark(const AccountRow& account)
{
    std::string all;
    const auto add = [&](std::string_view field) {
        // With its length: "ab" and "c" are not "a" and "bc".
        all.append(std::to_string(field.size())).append(1, ':').append(field);
    };
    for (const StoredPassword& stored : account.passwords) {
        add(stored.password);
        add(stored.salt);
        add(stored.server_key);
        add(std::to_string(stored.iterations));
    }
    return digest(Hash::sha256, all);
}

std::string problem_with(const std::vector<std::string>& columns)
{
    if (columns.empty())
        return "expected a query that answers rows";
    if (columns.size() > 1 && !find(columns, { "password" }))
        return "expected a column named password among several (\"… AS password\")";
    const bool has_key = find(columns, { "serverkey", "server_key" }).has_value();
    const bool has_salt = find(columns, { "salt" }).has_value();
    const bool has_count = find(columns, { "iterationcount", "iterations" }).has_value();
    if ((has_key || has_count) && !(has_key && has_salt && has_count))
        return "expected salt, serverkey and iterationcount together";
    return {};
}

}
