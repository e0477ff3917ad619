// Any database with an ODBC 3 driver, through unixODBC.
#include "driver.h"
#include "utf16.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>
#include <utility>

namespace nuncio::sql {

namespace {

    // Everything goes through the wide functions: what a driver makes of 8-bit text depends on it,
    // on its version and on the locale.
    static_assert(sizeof(SQLWCHAR) == sizeof(char16_t));

    SQLWCHAR* wide(std::u16string& text)
    {
        return reinterpret_cast<SQLWCHAR*>(text.data());
    }

    std::string narrow(const SQLWCHAR* text, std::size_t size)
    {
        return to_utf8({ reinterpret_cast<const char16_t*>(text), size });
    }

    class Handle {
    public:
        Handle(SQLSMALLINT type, SQLHANDLE parent)
            : type_(type)
        {
            if (!SQL_SUCCEEDED(SQLAllocHandle(type, parent, &handle_)))
                handle_ = SQL_NULL_HANDLE;
        }
        Handle(Handle&& other) noexcept
            : type_(other.type_)
            , handle_(std::exchange(other.handle_, nullptr))
        {
        }
        Handle& operator=(Handle&&) = delete;
        ~Handle()
        {
            if (handle_ != SQL_NULL_HANDLE)
                SQLFreeHandle(type_, handle_);
        }
        SQLHANDLE get() const { return handle_; }
        SQLSMALLINT type() const { return type_; }

    private:
        SQLSMALLINT type_;
        SQLHANDLE handle_ = SQL_NULL_HANDLE;
    };

    struct Diagnosis {
        std::string state;
        std::string text;
    };

    Diagnosis diagnosis_of(const Handle& handle)
    {
        std::array<SQLWCHAR, 6> state {};
        std::array<SQLWCHAR, 512> text {};
        SQLINTEGER number = 0;
        SQLSMALLINT size = 0;
        const auto found = SQLGetDiagRecW(handle.type(), handle.get(), 1, state.data(), &number,
            text.data(), static_cast<SQLSMALLINT>(text.size()), &size);
        if (!SQL_SUCCEEDED(found))
            return { "HY000", "the driver does not say what went wrong" };
        const auto kept = std::clamp<std::size_t>(
            static_cast<std::size_t>(std::max<SQLSMALLINT>(size, 0)), 0, text.size() - 1);
        Diagnosis diagnosis { narrow(state.data(), 5), narrow(text.data(), kept) };
        std::ranges::replace(diagnosis.text, '\n', ' ');
        return diagnosis;
    }

    SQLPOINTER as_pointer(SQLULEN number)
    {
        return reinterpret_cast<SQLPOINTER>(number); // NOLINT: as ODBC passes numbers
    }

    SQLULEN seconds(Duration time)
    {
        return static_cast<SQLULEN>(
            std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(time).count()));
    }

    /// What is bound must stay in place until the statement has run.
    struct Bound {
        std::u16string text;
        SQLBIGINT number = 0;
        SQLLEN size = 0;
    };

    class Odbc final : public Connection {
    public:
        Odbc(Handle environment, Handle connection, Duration timeout)
            : environment_(std::move(environment))
            , connection_(std::move(connection))
            , timeout_(timeout)
            , dialect_(find_dialect())
        {
        }
        ~Odbc() override { SQLDisconnect(connection_.get()); }

        Dialect dialect() const override { return dialect_; }

        Result<Answer> run(const std::string& sql, std::span<const Parameter> parameters,
            std::size_t most_rows) override
        {
            const Handle statement(SQL_HANDLE_STMT, connection_.get());
            if (auto prepared = prepare(statement, sql); !prepared)
                return prepared.error();
            std::vector<Bound> bound(parameters.size());
            for (std::size_t i = 0; i < parameters.size(); ++i)
                if (!bind(statement, static_cast<SQLUSMALLINT>(i + 1), parameters[i], bound[i]))
                    return failure_of(statement);
            const auto ran = SQLExecute(statement.get());
            if (!SQL_SUCCEEDED(ran) && ran != SQL_NO_DATA) // an UPDATE that found nothing
                return failure_of(statement);
            return fetch(statement, most_rows);
        }

        Result<std::vector<std::string>> describe(const std::string& sql) override
        {
            const Handle statement(SQL_HANDLE_STMT, connection_.get());
            if (auto prepared = prepare(statement, sql); !prepared)
                return prepared.error();
            return columns_of(statement);
        }

    private:
        Dialect find_dialect() const
        {
            std::array<SQLWCHAR, 64> name {};
            SQLSMALLINT bytes = 0;
            if (!SQL_SUCCEEDED(SQLGetInfoW(connection_.get(), SQL_DBMS_NAME, name.data(),
                    static_cast<SQLSMALLINT>(sizeof(name)), &bytes)))
                return Dialect::other;
            const auto units = std::min<std::size_t>(
                static_cast<std::size_t>(bytes) / sizeof(SQLWCHAR), name.size() - 1);
            const std::string text = narrow(name.data(), units);
            if (text == "PostgreSQL")
                return Dialect::postgresql;
            if (text == "MariaDB" || text == "MySQL")
                return Dialect::mariadb;
            return text == "SQLite" ? Dialect::sqlite : Dialect::other;
        }

        Error failure_of(const Handle& statement) const
        {
            auto [state, text] = diagnosis_of(statement);
            Error::Kind kind = kind_of(state);
            // Drivers say HY000 to much; this they know.
            SQLUINTEGER is_dead = SQL_CD_FALSE;
            SQLGetConnectAttrW(
                connection_.get(), SQL_ATTR_CONNECTION_DEAD, &is_dead, sizeof is_dead, nullptr);
            // COMPAT(psqlodbc): HY000 and alive, although the server is gone.
            if (is_dead == SQL_CD_TRUE || (kind == Error::Kind::internal && !answers()))
                kind = Error::Kind::unavailable;
            return { std::move(text), kind };
        }

        /// Whether the connection bears the simplest of statements.
        bool answers() const
        {
            if (dialect_ == Dialect::other)
                return true; // it may not know it
            const Handle statement(SQL_HANDLE_STMT, connection_.get());
            std::u16string text = u"SELECT 1";
            return statement.get() != SQL_NULL_HANDLE
                && SQL_SUCCEEDED(SQLExecDirectW(
                    statement.get(), wide(text), static_cast<SQLINTEGER>(text.size())));
        }

        Result<void> prepare(const Handle& statement, const std::string& sql)
        {
            if (statement.get() == SQL_NULL_HANDLE)
                return failure_of(connection_);
            SQLSetStmtAttrW(
                statement.get(), SQL_ATTR_QUERY_TIMEOUT, as_pointer(seconds(timeout_)), 0);
            auto text = to_utf16(sql);
            if (!SQL_SUCCEEDED(
                    SQLPrepareW(statement.get(), wide(text), static_cast<SQLINTEGER>(text.size()))))
                return failure_of(statement);
            return {};
        }

        static bool bind(
            const Handle& statement, SQLUSMALLINT place, const Parameter& parameter, Bound& bound)
        {
            if (const auto* number = std::get_if<std::int64_t>(&parameter)) {
                bound.number = *number;
                return SQL_SUCCEEDED(SQLBindParameter(statement.get(), place, SQL_PARAM_INPUT,
                    SQL_C_SBIGINT, SQL_BIGINT, 0, 0, &bound.number, 0, nullptr));
            }
            bound.text = to_utf16(std::get<std::string>(parameter));
            bound.size = static_cast<SQLLEN>(bound.text.size() * sizeof(char16_t));
            // A column of no characters is refused by some.
            const auto characters = std::max<SQLULEN>(bound.text.size(), 1);
            return SQL_SUCCEEDED(
                SQLBindParameter(statement.get(), place, SQL_PARAM_INPUT, SQL_C_WCHAR, SQL_WVARCHAR,
                    characters, 0, wide(bound.text), bound.size, &bound.size));
        }

        Result<std::vector<std::string>> columns_of(const Handle& statement) const
        {
            SQLSMALLINT count = 0;
            if (!SQL_SUCCEEDED(SQLNumResultCols(statement.get(), &count)))
                return failure_of(statement);
            std::vector<std::string> names;
            for (SQLSMALLINT column = 1; column <= count; ++column) {
                std::array<SQLWCHAR, 129> name {};
                SQLSMALLINT size = 0, type = 0, digits = 0, nullable = 0;
                SQLULEN width = 0;
                if (!SQL_SUCCEEDED(
                        SQLDescribeColW(statement.get(), static_cast<SQLUSMALLINT>(column),
                            name.data(), static_cast<SQLSMALLINT>(name.size()), &size, &type,
                            &width, &digits, &nullable)))
                    return failure_of(statement);
                const auto units
                    = std::min<std::size_t>(static_cast<std::size_t>(size), name.size() - 1);
                names.push_back(narrow(name.data(), units));
            }
            return names;
        }

        Result<Answer> fetch(const Handle& statement, std::size_t most_rows)
        {
            auto columns = columns_of(statement);
            if (!columns)
                return columns.error();
            Answer answer;
            answer.columns = *std::move(columns);
            if (answer.columns.empty()) {
                SQLLEN changed = 0;
                if (SQL_SUCCEEDED(SQLRowCount(statement.get(), &changed)) && changed > 0)
                    answer.changed = static_cast<std::uint64_t>(changed);
                return answer;
            }
            for (;;) {
                const auto fetched = SQLFetch(statement.get());
                if (fetched == SQL_NO_DATA)
                    return answer;
                if (!SQL_SUCCEEDED(fetched))
                    return failure_of(statement);
                if (answer.rows.size() == most_rows)
                    return too_many_rows(most_rows);
                auto& fields = answer.rows.emplace_back();
                for (std::size_t column = 1; column <= answer.columns.size(); ++column) {
                    auto field = read_field(statement, static_cast<SQLUSMALLINT>(column));
                    if (!field)
                        return field.error();
                    fields.push_back(*std::move(field));
                }
            }
        }

        Result<Field> read_field(const Handle& statement, SQLUSMALLINT column)
        {
            std::u16string text;
            std::array<SQLWCHAR, 1024> piece {};
            for (;;) {
                SQLLEN bytes = 0;
                const auto read = SQLGetData(
                    statement.get(), column, SQL_C_WCHAR, piece.data(), sizeof(piece), &bytes);
                if (read == SQL_NO_DATA)
                    break;
                if (!SQL_SUCCEEDED(read))
                    return failure_of(statement);
                if (bytes == SQL_NULL_DATA)
                    return Field();
                // A piece that is full ends with a zero, which is no part of the text.
                const bool is_last = bytes != SQL_NO_TOTAL && bytes >= 0
                    && static_cast<std::size_t>(bytes) < sizeof(piece);
                const auto units = is_last ? static_cast<std::size_t>(bytes) / sizeof(SQLWCHAR)
                                           : piece.size() - 1;
                text.append(reinterpret_cast<const char16_t*>(piece.data()), units);
                if (text.size() > max_field_bytes)
                    return too_long_field();
                if (is_last)
                    break;
            }
            Field field = to_utf8(text);
            if (field->size() > max_field_bytes)
                return too_long_field();
            return field;
        }

        Handle environment_;
        Handle connection_; // ends before it
        const Duration timeout_;
        const Dialect dialect_;
    };

    /// A value of a connection string: where it must be, in braces, with what closes them doubled.
    // COMPAT(psqlodbc): it takes the braces of UID for a part of the name.
    std::string quoted(const std::string& value)
    {
        if (value.find_first_of("[]{}(),;?*=!@ ") == std::string::npos)
            return value;
        std::string text = "{";
        for (const char c : value) {
            text += c;
            if (c == '}')
                text += c;
        }
        return text + "}";
    }

    std::string connect_string(const ConnectionOptions& options)
    {
        std::string text = options.connect_string;
        const auto add = [&text](std::string_view key, const std::string& value) {
            if (value.empty())
                return;
            if (!text.empty() && text.back() != ';')
                text += ';';
            text += std::string(key) + "=" + quoted(value) + ";";
        };
        add("UID", options.user);
        add("PWD", options.password);
        return text;
    }

}

Result<std::unique_ptr<Connection>> connect_odbc(const ConnectionOptions& options)
{
    Handle environment(SQL_HANDLE_ENV, SQL_NULL_HANDLE);
    if (environment.get() == SQL_NULL_HANDLE)
        return Error { "unixODBC has no memory", Error::Kind::unavailable };
    SQLSetEnvAttr(environment.get(), SQL_ATTR_ODBC_VERSION, as_pointer(SQL_OV_ODBC3), 0);
    Handle connection(SQL_HANDLE_DBC, environment.get());
    if (connection.get() == SQL_NULL_HANDLE)
        return Error { diagnosis_of(environment).text, Error::Kind::unavailable };
    for (const auto attribute : { SQL_ATTR_LOGIN_TIMEOUT, SQL_ATTR_CONNECTION_TIMEOUT })
        SQLSetConnectAttrW(connection.get(), attribute,
            as_pointer(seconds(attribute == SQL_ATTR_LOGIN_TIMEOUT ? options.connect_timeout
                                                                   : options.query_timeout)),
            SQL_IS_UINTEGER);
    auto text = to_utf16(connect_string(options));
    const auto connected = SQLDriverConnectW(connection.get(), nullptr, wide(text),
        static_cast<SQLSMALLINT>(text.size()), nullptr, 0, nullptr, SQL_DRIVER_NOPROMPT);
    if (!SQL_SUCCEEDED(connected))
        return Error { diagnosis_of(connection).text, Error::Kind::unavailable };
    return std::unique_ptr<Connection>(std::make_unique<Odbc>(
        std::move(environment), std::move(connection), options.query_timeout));
}

}
