// One connection to the database file, with its prepared statements.
#pragma once

#include <nuncio/result.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace nuncio::storage_sqlite {

struct CloseDatabase {
    void operator()(sqlite3* database) const;
};
struct CloseStatement {
    void operator()(sqlite3_stmt* statement) const;
};

/// A prepared statement in use: parameters are bound in order, and it is reset at the end.
class Query {
public:
    explicit Query(sqlite3_stmt* statement)
        : statement_(statement)
    {
    }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query();

    /// The text must live until the query is over.
    Query& bind(std::string_view text);
    Query& bind(std::int64_t number);

    /// True when there is a row; an Error when the database failed.
    Result<bool> next();
    /// For statements without rows.
    Result<void> run();

    std::string text(int column) const;
    std::int64_t number(int column) const;

private:
    sqlite3_stmt* statement_;
    int bound_ = 0;
};

/// Used by one thread at a time.
class Database {
public:
    enum class Mode { write, read };
    /// Opens the file; in mode `write` makes it and brings its schema to this version. `host` marks
    /// the file, so that two hosts never share one.
    static Result<std::unique_ptr<Database>> open(
        const std::string& path, Mode mode, std::string_view synchronous, std::string_view host);

    /// A statement that is kept prepared. `sql` is a literal: its address is its name.
    Result<sqlite3_stmt*> prepare(const char* sql);
    /// One statement without parameters and rows, kept prepared.
    Result<void> run(const char* sql);
    /// Any number of statements, not kept.
    Result<void> execute(const char* sql);

    /// No transaction is open; SQLite itself rolls back when the disk fails.
    bool is_idle() const;
    /// Rows that the last statement changed.
    std::int64_t changes() const;
    /// The latest failure, with the kind that callers can act upon.
    Error error(std::string_view what) const;

private:
    Result<void> set_up(std::string_view synchronous);
    Result<void> migrate(std::string_view host);

    std::string path_;
    std::unique_ptr<sqlite3, CloseDatabase> database_;
    struct Cached {
        const char* sql = nullptr;
        std::unique_ptr<sqlite3_stmt, CloseStatement> statement;
    };
    std::array<Cached, 40> cache_; // after database_, so that statements end before it
};

}
