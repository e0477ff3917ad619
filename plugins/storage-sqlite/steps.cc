#include "steps.h"

#include <algorithm>
#include <charconv>

namespace nuncio::storage_sqlite {

namespace {

    using Kind = StorageOp::Kind;

    constexpr auto get_sql = "SELECT value FROM entries WHERE owner = ? AND store = ? AND key = ?";
    constexpr auto put_sql = "INSERT INTO entries VALUES (?, ?, ?, ?) "
                             "ON CONFLICT DO UPDATE SET value = excluded.value";
    constexpr auto create_sql = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)";
    constexpr auto replace_sql
        = "UPDATE entries SET value = ?4 WHERE owner = ?1 AND store = ?2 AND key = ?3";
    constexpr auto remove_sql = "DELETE FROM entries WHERE owner = ? AND store = ? AND key = ?";
    constexpr auto remove_all_sql = "DELETE FROM entries WHERE owner = ? AND store = ?";
    constexpr auto list_sql = "SELECT key, value FROM entries "
                              "WHERE owner = ? AND store = ? AND key > ? ORDER BY key LIMIT ?";
    // An empty key is a key too: only a scan from the start may show it.
    constexpr auto list_all_sql = "SELECT key, value FROM entries "
                                  "WHERE owner = ? AND store = ? ORDER BY key LIMIT ?";
    constexpr auto owners_sql = "SELECT owner FROM entries WHERE store = ?1 "
                                "UNION SELECT owner FROM items WHERE store = ?1";
    constexpr auto append_sql = "INSERT INTO items (owner, store, stamp, value) "
                                "VALUES (?, ?, ?, ?) RETURNING id";
    constexpr auto range_sql = "SELECT id, value, stamp FROM items "
                               "WHERE owner = ? AND store = ? AND id > ? ORDER BY id LIMIT ?";
    constexpr auto remove_items_sql = "DELETE FROM items WHERE owner = ? AND store = ? AND id <= ?";
    constexpr auto count_sql = "SELECT count(*) FROM items WHERE owner = ? AND store = ?";
    constexpr auto expire_sql = "DELETE FROM items WHERE store = ? AND stamp < ?";
    constexpr auto forget_entries_sql = "DELETE FROM entries WHERE owner = ?";
    constexpr auto forget_items_sql = "DELETE FROM items WHERE owner = ?";

    Result<std::int64_t> read_id(const std::string& text, std::int64_t when_empty)
    {
        if (text.empty())
            return when_empty;
        std::int64_t id = 0;
        const char* const end = text.data() + text.size();
        if (const auto [at, failure] = std::from_chars(text.data(), end, id);
            failure != std::errc() || at != end)
            return Error { "'" + text + "' is no item id: expected a number" };
        return id;
    }

    template <class... Parameters>
    Result<StorageAnswer> change(Database& database, const char* sql, const Parameters&... bound)
    {
        auto statement = database.prepare(sql);
        if (!statement)
            return statement.error();
        Query query(*statement);
        (query.bind(bound), ...);
        if (auto done = query.run(); !done)
            return done.error();
        return StorageAnswer {};
    }

    /// `read` makes a row of the query's current one.
    template <class Read, class... Parameters>
    Result<StorageAnswer> select(
        Database& database, const char* sql, Read read, const Parameters&... bound)
    {
        auto statement = database.prepare(sql);
        if (!statement)
            return statement.error();
        Query query(*statement);
        (query.bind(bound), ...);
        StorageAnswer rows;
        for (;;) {
            const auto row = query.next();
            if (!row)
                return row.error();
            if (!*row)
                return rows;
            rows.push_back(read(query));
        }
    }

    StorageRow key_only(const Query& query)
    {
        return { query.text(0) };
    }
    StorageRow key_and_value(const Query& query)
    {
        return { query.text(0), query.text(1) };
    }
    StorageRow item(const Query& query)
    {
        return { query.text(0), query.text(1), query.number(2) };
    }

    Result<StorageAnswer> put_if(Database& database, const StorageOp& op)
    {
        const bool creates = op.kind == Kind::create;
        auto done = change(
            database, creates ? create_sql : replace_sql, op.owner, op.store, op.key, op.value);
        if (!done || database.changes() == 1)
            return done;
        if (creates)
            return Error { op.store + ": '" + op.key + "' exists already", Error::Kind::conflict };
        return Error { op.store + ": '" + op.key + "' does not exist", Error::Kind::not_found };
    }

    Result<StorageAnswer> run_step(Database& database, const StorageOp& op)
    {
        const auto limit = std::int64_t(op.limit);
        switch (op.kind) {
        case Kind::get:
            return select(
                database, get_sql,
                [&](const Query& query) {
                    return StorageRow { op.key, query.text(0) };
                },
                op.owner, op.store, op.key);
        case Kind::put:
            return change(database, put_sql, op.owner, op.store, op.key, op.value);
        case Kind::create:
        case Kind::replace:
            return put_if(database, op);
        case Kind::remove:
            if (op.key.empty())
                return change(database, remove_all_sql, op.owner, op.store);
            return change(database, remove_sql, op.owner, op.store, op.key);
        case Kind::list:
            if (op.key.empty())
                return select(database, list_all_sql, key_and_value, op.owner, op.store, limit);
            return select(database, list_sql, key_and_value, op.owner, op.store, op.key, limit);
        case Kind::owners:
            return select(database, owners_sql, key_only, op.store);
        case Kind::append:
            return select(database, append_sql, key_only, op.owner, op.store, op.when, op.value);
        case Kind::range: {
            const auto after = read_id(op.key, 0);
            if (!after)
                return after.error();
            return select(database, range_sql, item, op.owner, op.store, *after, limit);
        }
        case Kind::remove_items: {
            const auto up_to = read_id(op.key, INT64_MAX);
            if (!up_to)
                return up_to.error();
            return change(database, remove_items_sql, op.owner, op.store, *up_to);
        }
        case Kind::count:
            return select(database, count_sql, key_only, op.owner, op.store);
        case Kind::expire:
            return change(database, expire_sql, op.store, op.when);
        case Kind::remove_owner:
            if (auto done = change(database, forget_entries_sql, op.owner); !done)
                return done;
            return change(database, forget_items_sql, op.owner);
        }
        return Error { "this driver does not know that step", Error::Kind::internal };
    }

}

bool is_read(const StorageOp& op)
{
    return op.kind == Kind::get || op.kind == Kind::list || op.kind == Kind::owners
        || op.kind == Kind::range || op.kind == Kind::count;
}

bool is_read(const std::vector<StorageOp>& batch)
{
    return std::ranges::all_of(batch, [](const StorageOp& op) { return is_read(op); });
}

Result<std::vector<StorageAnswer>> run_steps(
    Database& database, const std::vector<StorageOp>& batch)
{
    std::vector<StorageAnswer> answers;
    answers.reserve(batch.size());
    for (const StorageOp& op : batch) {
        auto answer = run_step(database, op);
        if (!answer)
            return answer.error();
        answers.push_back(std::move(*answer));
    }
    return answers;
}

}
