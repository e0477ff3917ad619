// A connection to a database, whichever client library makes it.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nuncio::sql {

/// What is bound to a placeholder: UTF-8, or a number.
using Parameter = std::variant<std::string, std::int64_t>;

/// A column of a row as text; none: NULL.
using Field = std::optional<std::string>;

struct Answer {
    std::vector<std::string> columns; ///< names as the database spells them
    std::vector<std::vector<Field>> rows;
    std::uint64_t changed = 0; ///< rows that were written
};

/// No password is longer; whoever answers more was asked for something else.
inline constexpr std::size_t max_field_bytes = 64 * 1024;

/// Whose SQL is spoken.
enum class Dialect { postgresql, mariadb, sqlite, other };

enum class Tls {
    off,
    encrypt, ///< with whoever answers
    verify, ///< with who has a certificate for the host
};

struct ConnectionOptions {
    std::string host; ///< a name, an address, a Unix socket, or empty: the library's own default
    std::uint32_t port = 0; ///< 0: the database's own
    std::string database;
    std::string user;
    std::string password;
    std::string connect_string; ///< ODBC
    Tls tls = Tls::verify;
    std::string tls_ca;
    Duration connect_timeout {};
    Duration query_timeout {};
};

/// Used by one thread at a time; every call may block, for its time-out at most. An Error of kind
/// `unavailable` means that the connection is of no use any more; `conflict` that a constraint was
/// violated; any other is the statement's own fault. No text of an Error has a parameter's value in
/// it, but for what the database itself put there.
class Connection {
public:
    virtual ~Connection() = default;

    /// Runs one statement with the database's own placeholders. At most `most_rows` are kept: more
    /// are an error.
    virtual Result<Answer> run(
        const std::string& sql, std::span<const Parameter> parameters, std::size_t most_rows)
        = 0;
    /// Prepares a statement without running it, and answers the names of its columns.
    virtual Result<std::vector<std::string>> describe(const std::string& sql) = 0;
    virtual Dialect dialect() const = 0;
};

/// How placeholders and texts are written, which is not the same as whose SQL it is: ODBC has its
/// own.
enum class Syntax {
    postgresql, ///< $1; dollar quotes; E'…' has backslashes
    mariadb, ///< ?; backslashes in quotes; `names`
    odbc, ///< ?; as the standard has it
};

struct Driver {
    std::string_view name;
    Syntax syntax;
    Result<std::unique_ptr<Connection>> (*connect)(const ConnectionOptions& options);
};

/// Those that this plugin was built with.
std::span<const Driver> drivers();
const Driver* find_driver(std::string_view name);

Result<std::unique_ptr<Connection>> connect_postgresql(const ConnectionOptions& options);
Result<std::unique_ptr<Connection>> connect_mariadb(const ConnectionOptions& options);
Result<std::unique_ptr<Connection>> connect_odbc(const ConnectionOptions& options);

/// The kind of what a database reports with an SQLSTATE (ISO 9075 §24; PostgreSQL's own classes).
Error::Kind kind_of(std::string_view sqlstate);
Error too_many_rows(std::size_t most);
Error too_long_field();

}
