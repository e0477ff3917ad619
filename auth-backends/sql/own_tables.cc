#include "own_tables.h"

#include <iterator>
#include <string>

namespace nuncio::sql {

namespace {

    /// One step takes the tables from the version before it to its own. Never edit one that was
    /// released: append.
    struct Step {
        const char* postgresql;
        const char* mariadb;
        const char* sqlite;
    };

    // Names are compared and sorted byte by byte: they have been prepared (RFC 7622), and to a
    // collation two of them might be one. MariaDB does that with VARBINARY and nothing else: its
    // binary collations leave out spaces at the end.
    constexpr Step steps[] = {
        { R"(CREATE TABLE IF NOT EXISTS nuncio_accounts (
                domain text COLLATE "C" NOT NULL, username text COLLATE "C" NOT NULL,
                password text NOT NULL, disabled smallint NOT NULL DEFAULT 0,
                created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (domain, username)))",
            R"(CREATE TABLE IF NOT EXISTS nuncio_accounts (
                domain varbinary(1023) NOT NULL, username varbinary(1023) NOT NULL,
                password text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
                disabled smallint NOT NULL DEFAULT 0,
                created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
                PRIMARY KEY (domain, username)) ENGINE = InnoDB)",
            R"(CREATE TABLE IF NOT EXISTS nuncio_accounts (
                domain text NOT NULL, username text NOT NULL,
                password text NOT NULL, disabled smallint NOT NULL DEFAULT 0,
                created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
                PRIMARY KEY (domain, username)))" },
    };
    constexpr std::int64_t current_version = std::size(steps);

    constexpr const char* make_versions = "CREATE TABLE IF NOT EXISTS nuncio_schema_version ("
                                          "part varchar(64) NOT NULL PRIMARY KEY, "
                                          "version integer NOT NULL)";
    constexpr const char* read_version
        = "SELECT version FROM nuncio_schema_version WHERE part = 'accounts'";

    const char* step_for(Dialect dialect, const Step& step)
    {
        switch (dialect) {
        case Dialect::postgresql:
            return step.postgresql;
        case Dialect::mariadb:
            return step.mariadb;
        default:
            return step.sqlite;
        }
    }

    /// Held by whoever changes tables, for as long as its connection lasts at the most: "IF NOT
    /// EXISTS" alone is no protection in PostgreSQL.
    struct Lock {
        const char* take;
        const char* release;
    };
    constexpr Lock postgresql_lock { "SELECT pg_advisory_lock(7885621402)",
        "SELECT pg_advisory_unlock(7885621402)" };
    constexpr Lock mariadb_lock { "SELECT GET_LOCK('nuncio_schema', 3)",
        "SELECT RELEASE_LOCK('nuncio_schema')" };

    const Lock* lock_for(Dialect dialect)
    {
        switch (dialect) {
        case Dialect::postgresql:
            return &postgresql_lock;
        case Dialect::mariadb:
            return &mariadb_lock;
        default:
            return nullptr; // SQLite locks the whole file
        }
    }

    Result<Answer> run(Connection& connection, const std::string& sql)
    {
        return connection.run(sql, {}, 1);
    }

    Result<void> take(Connection& connection, const Lock& lock)
    {
        const auto taken = run(connection, lock.take);
        if (!taken)
            return taken.error();
        // GET_LOCK answers 0 after its time; PostgreSQL's answers nothing.
        if (!taken->rows.empty() && taken->rows[0][0] == "0")
            return Error { "somebody else has been changing the tables for too long",
                Error::Kind::unavailable };
        return {};
    }

    /// 0: there is nothing yet.
    Result<std::int64_t> version_of(Connection& connection)
    {
        const auto answer = run(connection, read_version);
        if (!answer)
            return answer.error();
        if (answer->rows.empty() || !answer->rows[0][0])
            return std::int64_t(0);
        const std::string& text = *answer->rows[0][0];
        if (text.empty() || text.size() > 9
            || text.find_first_not_of("0123456789") != std::string::npos)
            return Error { "nuncio_schema_version: expected a number" };
        return std::int64_t(std::stol(text));
    }

    Result<void> make_tables(Connection& connection)
    {
        if (auto made = run(connection, make_versions); !made)
            return made.error();
        const auto version = version_of(connection);
        if (!version)
            return version.error();
        for (auto next = *version; next < current_version; ++next)
            if (auto made = run(connection, step_for(connection.dialect(), steps[next])); !made)
                return made.error();
        if (*version == current_version)
            return {};
        const std::string number = std::to_string(current_version);
        const auto written = run(connection,
            *version == 0 ? "INSERT INTO nuncio_schema_version (part, version) VALUES ('accounts', "
                    + number + ")"
                          : "UPDATE nuncio_schema_version SET version = " + number
                    + " WHERE part = 'accounts'");
        if (!written)
            return written.error();
        return {};
    }

}

Result<void> ensure_own_tables(Connection& connection)
{
    const auto version = version_of(connection);
    if (version && *version > current_version)
        return Error { "the table nuncio_accounts is of version " + std::to_string(*version)
            + ", made by a later nuncio; expected " + std::to_string(current_version)
            + " at the most" };
    if (version && *version == current_version)
        return {};
    if (!version && version.error().kind == Error::Kind::unavailable)
        return version.error();
    if (connection.dialect() == Dialect::other)
        return Error { "nuncio does not know how to make tables in this kind of database: make "
                       "them by hand, or set `password_query` (see the admin guide)" };
    const Lock* const lock = lock_for(connection.dialect());
    if (lock)
        if (auto taken = take(connection, *lock); !taken)
            return taken.error();
    auto made = make_tables(connection);
    if (lock)
        if (auto released = run(connection, lock->release); !released && made)
            return released.error();
    return made;
}

}
