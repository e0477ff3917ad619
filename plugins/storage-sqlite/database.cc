#include "database.h"

#include <sqlite3.h>

namespace nuncio::storage_sqlite {

namespace {

    /// Each entry brings a file from the version before it to its own. Never edit one that was
    /// released: append.
    constexpr const char* migrations[] = {
        // 1. Owners come first, so that all of one account lies together and goes in one sweep.
        R"(
        CREATE TABLE entries (
            owner TEXT NOT NULL, store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (owner, store, key)) WITHOUT ROWID;
        CREATE TABLE items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            owner TEXT NOT NULL, store TEXT NOT NULL, stamp INTEGER NOT NULL, value BLOB NOT NULL);
        CREATE INDEX items_of_owner ON items (owner, store, id);
        CREATE INDEX items_by_stamp ON items (store, stamp);
        CREATE TABLE properties (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        )",
    };

    constexpr int current_version = std::size(migrations);

}

void CloseDatabase::operator()(sqlite3* database) const
{
    sqlite3_close_v2(database);
}

void CloseStatement::operator()(sqlite3_stmt* statement) const
{
    sqlite3_finalize(statement);
}

Query::~Query()
{
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::string_view text)
{
    // An empty view may have no address, which SQLite would take for NULL.
    sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(), text.size(),
        SQLITE_STATIC, SQLITE_UTF8);
    return *this;
}

Query& Query::bind(std::int64_t number)
{
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
}

Result<bool> Query::next()
{
    switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
        return true;
    case SQLITE_DONE:
        return false;
    default:
        return Error { sqlite3_errmsg(sqlite3_db_handle(statement_)), Error::Kind::unavailable };
    }
}

Result<void> Query::run()
{
    auto row = next();
    if (!row)
        return row.error();
    return {};
}

std::string Query::text(int column) const
{
    // The pointer first, then the size: the order that SQLite asks for.
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes ? std::string(bytes, size) : std::string();
}

std::int64_t Query::number(int column) const
{
    return sqlite3_column_int64(statement_, column);
}

Result<std::unique_ptr<Database>> Database::open(
    const std::string& path, Mode mode, std::string_view synchronous, std::string_view host)
{
    auto made = std::make_unique<Database>();
    made->path_ = path;
    // Each connection has one thread at a time: SQLite's own locks would only cost.
    const int flags = SQLITE_OPEN_NOMUTEX
        | (mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    sqlite3* database = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
    made->database_.reset(database);
    if (opened != SQLITE_OK)
        return Error { path + ": " + (database ? sqlite3_errmsg(database) : "out of memory"),
            Error::Kind::unavailable };
    sqlite3_busy_timeout(database, 5000); // a backup may hold the file for a moment

    if (mode == Mode::read)
        return made;
    if (auto done = made->set_up(synchronous); !done)
        return done.error();
    if (auto done = made->migrate(host); !done)
        return done.error();
    return made;
}

Result<void> Database::set_up(std::string_view synchronous)
{
    if (auto done = execute("PRAGMA journal_mode = WAL"); !done)
        return done.error();
    return execute(
        synchronous == "full" ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

Result<void> Database::migrate(std::string_view host)
{
    if (auto done = execute("BEGIN IMMEDIATE"); !done)
        return done.error();
    if (auto done = execute("CREATE TABLE IF NOT EXISTS migrations ("
                            "version INTEGER PRIMARY KEY, applied TEXT NOT NULL)");
        !done)
        return done.error();

    int version = 0;
    {
        auto statement = prepare("SELECT coalesce(max(version), 0) FROM migrations");
        if (!statement)
            return statement.error();
        Query query(*statement);
        if (auto row = query.next(); !row)
            return row.error();
        version = static_cast<int>(query.number(0));
    }
    if (version > current_version)
        return Error { path_ + ": its schema is version " + std::to_string(version)
            + ", made by a newer nuncio; this one knows versions up to "
            + std::to_string(current_version) };
    for (; version < current_version; ++version) {
        if (auto done = execute(migrations[version]); !done)
            return done.error();
        auto statement = prepare("INSERT INTO migrations VALUES (?, datetime('now'))");
        if (!statement)
            return statement.error();
        if (auto done = Query(*statement).bind(std::int64_t(version + 1)).run(); !done)
            return done.error();
    }

    auto mark = prepare("INSERT OR IGNORE INTO properties VALUES ('host', ?)");
    if (!mark)
        return mark.error();
    if (auto done = Query(*mark).bind(host).run(); !done)
        return done.error();
    auto owner = prepare("SELECT value FROM properties WHERE name = 'host'");
    if (!owner)
        return owner.error();
    {
        Query query(*owner);
        if (auto row = query.next(); !row)
            return row.error();
        if (const auto found = query.text(0); found != host)
            return Error { path_ + ": belongs to the host " + found + ", not to "
                    + std::string(host) + ": give each host a file of its own",
                Error::Kind::conflict };
    }
    return execute("COMMIT");
}

Result<sqlite3_stmt*> Database::prepare(const char* sql)
{
    for (Cached& cached : cache_) {
        if (cached.sql == sql)
            return cached.statement.get();
        if (cached.sql)
            continue;
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v3(
                database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr)
            != SQLITE_OK)
            return error("prepare");
        cached.statement.reset(statement);
        cached.sql = sql;
        return statement;
    }
    return Error { path_ + ": the cache of prepared statements is too small",
        Error::Kind::internal };
}

Result<void> Database::run(const char* sql)
{
    auto statement = prepare(sql);
    if (!statement)
        return statement.error();
    return Query(*statement).run();
}

Result<void> Database::execute(const char* sql)
{
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return error("execute");
    return {};
}

bool Database::is_idle() const
{
    return sqlite3_get_autocommit(database_.get()) != 0;
}

std::int64_t Database::changes() const
{
    return sqlite3_changes64(database_.get());
}

Error Database::error(std::string_view what) const
{
    // Busy, full, corrupt, unreadable: whatever the file has, callers may try again later.
    return { path_ + ": " + sqlite3_errmsg(database_.get()) + " (" + std::string(what) + ")",
        Error::Kind::unavailable };
}

}
