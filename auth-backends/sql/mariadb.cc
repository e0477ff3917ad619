// MariaDB and MySQL through libmariadb.
#include "driver.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <errmsg.h>
#include <mysql.h>
#include <unordered_map>

namespace nuncio::sql {

namespace {

    struct Close {
        void operator()(MYSQL* connection) const { mysql_close(connection); }
    };
    struct CloseStatement {
        void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
    };
    struct FreeResult {
        void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
    };
    using ConnectionHandle = std::unique_ptr<MYSQL, Close>;
    using StatementHandle = std::unique_ptr<MYSQL_STMT, CloseStatement>;
    using ResultHandle = std::unique_ptr<MYSQL_RES, FreeResult>;

    constexpr std::size_t first_field_bytes = 512; // of SCRAM keys for three hashes, for instance

    Error::Kind kind_of_number(unsigned number, const char* sqlstate)
    {
        if (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR)
            return Error::Kind::unavailable; // the library's own: the connection is gone
        switch (number) {
        case 1040: // too many connections
        case 1053: // shutting down
        case 1205: // waited too long for a lock
        case 1290: // read-only, for instance
        case 1927: // killed
            return Error::Kind::unavailable;
        default:
            return kind_of(sqlstate);
        }
    }

    Error failure_of(MYSQL* connection)
    {
        const unsigned number = mysql_errno(connection);
        return { mysql_error(connection), kind_of_number(number, mysql_sqlstate(connection)) };
    }

    Error failure_of(MYSQL_STMT* statement)
    {
        const unsigned number = mysql_stmt_errno(statement);
        return { mysql_stmt_error(statement),
            kind_of_number(number, mysql_stmt_sqlstate(statement)) };
    }

    /// One row's fields, as the library writes them into memory of ours.
    class RowBuffer {
    public:
        explicit RowBuffer(std::size_t columns)
            : cells_(columns)
            , binds_(columns)
        {
            for (std::size_t i = 0; i < columns; ++i) {
                binds_[i].buffer_type = MYSQL_TYPE_STRING;
                binds_[i].buffer = cells_[i].bytes.data();
                binds_[i].buffer_length = cells_[i].bytes.size();
                binds_[i].length = &cells_[i].size;
                binds_[i].is_null = &cells_[i].is_null;
            }
        }
        MYSQL_BIND* binds() { return binds_.data(); }

        Result<std::vector<Field>> read(MYSQL_STMT* statement)
        {
            std::vector<Field> fields;
            for (std::size_t i = 0; i < cells_.size(); ++i) {
                const Cell& cell = cells_[i];
                if (cell.is_null) {
                    fields.emplace_back();
                    continue;
                }
                if (cell.size > max_field_bytes)
                    return too_long_field();
                if (cell.size <= cell.bytes.size()) {
                    fields.emplace_back(std::string(cell.bytes.data(), cell.size));
                    continue;
                }
                std::string text(cell.size, '\0');
                MYSQL_BIND whole {};
                whole.buffer_type = MYSQL_TYPE_STRING;
                whole.buffer = text.data();
                whole.buffer_length = text.size();
                if (mysql_stmt_fetch_column(statement, &whole, static_cast<unsigned>(i), 0) != 0)
                    return failure_of(statement);
                fields.emplace_back(std::move(text));
            }
            return fields;
        }

    private:
        struct Cell {
            std::array<char, first_field_bytes> bytes {};
            unsigned long size = 0;
            my_bool is_null = 0;
        };
        std::vector<Cell> cells_;
        std::vector<MYSQL_BIND> binds_;
    };

    class Mariadb final : public Connection {
    public:
        explicit Mariadb(ConnectionHandle connection)
            : connection_(std::move(connection))
        {
        }

        Dialect dialect() const override { return Dialect::mariadb; }

        Result<Answer> run(const std::string& sql, std::span<const Parameter> parameters,
            std::size_t most_rows) override
        {
            auto prepared = prepare(sql);
            if (!prepared)
                return prepared.error();
            MYSQL_STMT* const statement = *prepared;
            if (mysql_stmt_param_count(statement) != parameters.size())
                return Error { "expected " + std::to_string(mysql_stmt_param_count(statement))
                    + " parameters" };
            std::vector<MYSQL_BIND> binds(parameters.size());
            for (std::size_t i = 0; i < parameters.size(); ++i)
                bind(binds[i], parameters[i]);
            if ((!binds.empty() && mysql_stmt_bind_param(statement, binds.data()) != 0)
                || mysql_stmt_execute(statement) != 0)
                return failure_of(statement);
            auto answer = fetch(statement, most_rows);
            // What was not fetched is thrown away, so that the connection is free again.
            if (mysql_stmt_free_result(statement) != 0 && answer)
                return failure_of(statement);
            return answer;
        }

        Result<std::vector<std::string>> describe(const std::string& sql) override
        {
            auto prepared = prepare(sql);
            if (!prepared)
                return prepared.error();
            return columns_of(*prepared);
        }

    private:
        /// Statements are as many as there are queries in the settings, so all of them are kept.
        Result<MYSQL_STMT*> prepare(const std::string& sql)
        {
            if (const auto known = statements_.find(sql); known != statements_.end())
                return known->second.get();
            StatementHandle statement(mysql_stmt_init(connection_.get()));
            if (!statement)
                return failure_of(connection_.get());
            if (mysql_stmt_prepare(statement.get(), sql.data(), sql.size()) != 0)
                return failure_of(statement.get());
            MYSQL_STMT* const kept = statement.get();
            statements_.emplace(sql, std::move(statement));
            return kept;
        }

        static void bind(MYSQL_BIND& bind, const Parameter& parameter)
        {
            if (const auto* number = std::get_if<std::int64_t>(&parameter)) {
                bind.buffer_type = MYSQL_TYPE_LONGLONG;
                bind.buffer = const_cast<std::int64_t*>(number); // it is only read
                return;
            }
            const auto& text = std::get<std::string>(parameter);
            bind.buffer_type = MYSQL_TYPE_STRING;
            bind.buffer = const_cast<char*>(text.data());
            bind.buffer_length = text.size();
        }

        static std::vector<std::string> columns_of(MYSQL_STMT* statement)
        {
            std::vector<std::string> names;
            const ResultHandle described(mysql_stmt_result_metadata(statement));
            if (described)
                for (unsigned i = 0; i < mysql_num_fields(described.get()); ++i)
                    names.emplace_back(mysql_fetch_field_direct(described.get(), i)->name);
            return names;
        }

        static Result<Answer> fetch(MYSQL_STMT* statement, std::size_t most_rows)
        {
            Answer answer;
            answer.columns = columns_of(statement);
            if (answer.columns.empty()) {
                answer.changed = mysql_stmt_affected_rows(statement);
                return answer;
            }
            RowBuffer row(answer.columns.size());
            if (mysql_stmt_bind_result(statement, row.binds()) != 0)
                return failure_of(statement);
            for (;;) {
                const int fetched = mysql_stmt_fetch(statement);
                if (fetched == MYSQL_NO_DATA)
                    return answer;
                if (fetched != 0 && fetched != MYSQL_DATA_TRUNCATED)
                    return failure_of(statement);
                if (answer.rows.size() == most_rows)
                    return too_many_rows(most_rows);
                auto fields = row.read(statement);
                if (!fields)
                    return fields.error();
                answer.rows.push_back(*std::move(fields));
            }
        }

        ConnectionHandle connection_;
        std::unordered_map<std::string, StatementHandle> statements_; // end before it
    };

    const char* or_null(const std::string& text)
    {
        return text.empty() ? nullptr : text.c_str();
    }

    unsigned seconds(Duration time)
    {
        return static_cast<unsigned>(
            std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(time).count()));
    }

}

Result<std::unique_ptr<Connection>> connect_mariadb(const ConnectionOptions& options)
{
    ConnectionHandle connection(mysql_init(nullptr));
    if (!connection)
        return Error { "out of memory", Error::Kind::unavailable };
    MYSQL* const handle = connection.get();
    const unsigned connect_seconds = seconds(options.connect_timeout);
    const unsigned query_seconds = seconds(options.query_timeout);
    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
    mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &query_seconds);
    mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &query_seconds);
    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    // A server may otherwise ask for any file of ours in place of an answer.
    const unsigned no_files = 0;
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no_files);

    const bool is_socket = !options.host.empty() && options.host.front() == '/';
    const bool is_remote = !options.host.empty() && !is_socket;
    if (is_remote) {
        // "localhost" is a Unix socket to this library, and a name to the certificate.
        const unsigned tcp = MYSQL_PROTOCOL_TCP;
        mysql_options(handle, MYSQL_OPT_PROTOCOL, &tcp);
    }
    if (is_remote && options.tls != Tls::off) {
        const my_bool yes = 1;
        const my_bool verify = options.tls == Tls::verify ? 1 : 0;
        mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
        mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
        if (options.tls == Tls::verify)
            mysql_options(handle, MYSQL_OPT_SSL_CA, options.tls_ca.c_str());
    }
    // Found rows, not changed ones: who writes the same again has written, too.
    if (!mysql_real_connect(handle, is_remote ? options.host.c_str() : nullptr,
            options.user.c_str(), options.password.c_str(), or_null(options.database),
            is_remote ? options.port : 0, is_socket ? options.host.c_str() : nullptr,
            CLIENT_FOUND_ROWS))
        return Error { mysql_error(handle), Error::Kind::unavailable };
    return std::unique_ptr<Connection>(std::make_unique<Mariadb>(std::move(connection)));
}

}
