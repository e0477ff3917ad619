// PostgreSQL through libpq, without ever waiting longer than allowed.
#include "driver.h"

#include <algorithm>
#include <chrono>
#include <libpq-fe.h>
#include <poll.h>

namespace nuncio::sql {

namespace {

    using Steady = std::chrono::steady_clock;

    struct Finish {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    struct Clear {
        void operator()(PGresult* result) const { PQclear(result); }
    };
    using ConnectionHandle = std::unique_ptr<PGconn, Finish>;
    using ResultHandle = std::unique_ptr<PGresult, Clear>;

    /// libpq's messages end with a line feed, and may have several lines.
    std::string one_line(std::string_view text)
    {
        std::string line(text.substr(0, text.find_last_not_of(" \n") + 1));
        std::ranges::replace(line, '\n', ' ');
        return line;
    }

    Error lost(PGconn* connection)
    {
        return { one_line(PQerrorMessage(connection)), Error::Kind::unavailable };
    }

    Error late(std::string_view what)
    {
        return { std::string(what) + " within its time-out", Error::Kind::unavailable };
    }

    /// False when nothing happened until `deadline`.
    bool wait_for(PGconn* connection, short events, Steady::time_point deadline)
    {
        for (;;) {
            const auto left
                = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now());
            if (left.count() <= 0)
                return false;
            pollfd socket { PQsocket(connection), events, 0 };
            const int ready = ::poll(&socket, 1, static_cast<int>(left.count()));
            if (ready > 0 || (ready < 0 && errno != EINTR))
                return true; // libpq finds out what is wrong
        }
    }

    const char* sslmode(const ConnectionOptions& options)
    {
        switch (options.tls) {
        case Tls::off:
            return "disable";
        case Tls::encrypt:
            return "require";
        case Tls::verify:
            break;
        }
        // A Unix socket has no TLS, and libpq refuses to verify it.
        return options.host.empty() || options.host.front() == '/' ? "disable" : "verify-full";
    }

    class Postgresql final : public Connection {
    public:
        Postgresql(ConnectionHandle connection, Duration timeout)
            : connection_(std::move(connection))
            , timeout_(timeout)
        {
        }

        Dialect dialect() const override { return Dialect::postgresql; }

        // One statement in one round trip of the extended protocol: parsed with placeholders, and
        // the values beside it. It is not kept on the server by name, because a pooler between us
        // (PgBouncer) would hand the next one to another server.
        Result<Answer> run(const std::string& sql, std::span<const Parameter> parameters,
            std::size_t most_rows) override
        {
            std::vector<std::string> texts;
            for (const Parameter& parameter : parameters) {
                const auto* text = std::get_if<std::string>(&parameter);
                texts.push_back(text ? *text : std::to_string(std::get<std::int64_t>(parameter)));
                if (texts.back().find('\0') != std::string::npos)
                    return Error { "PostgreSQL keeps no text with a NUL in it" };
            }
            std::vector<const char*> values;
            for (const std::string& text : texts)
                values.push_back(text.c_str());
            if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()),
                    nullptr, values.data(), nullptr, nullptr, 0)
                != 1)
                return lost(connection_.get());
            PQsetSingleRowMode(connection_.get()); // what is too much is never held
            return collect(most_rows);
        }

        Result<std::vector<std::string>> describe(const std::string& sql) override
        {
            if (PQsendPrepare(connection_.get(), "", sql.c_str(), 0, nullptr) != 1)
                return lost(connection_.get());
            if (auto prepared = collect(0); !prepared)
                return prepared.error();
            if (PQsendDescribePrepared(connection_.get(), "") != 1)
                return lost(connection_.get());
            auto described = collect(0);
            if (!described)
                return described.error();
            return std::move(described->columns);
        }

    private:
        Result<Answer> collect(std::size_t most_rows)
        {
            const auto deadline = Steady::now() + timeout_;
            Answer answer;
            std::optional<Error> failure;
            for (;;) {
                if (auto ready = wait_for_result(deadline); !ready)
                    return ready.error();
                const ResultHandle result(PQgetResult(connection_.get()));
                if (!result)
                    break;
                switch (PQresultStatus(result.get())) {
                case PGRES_SINGLE_TUPLE:
                case PGRES_TUPLES_OK:
                case PGRES_COMMAND_OK:
                    if (auto taken = take(*result, most_rows, answer); !taken && !failure)
                        failure = taken.error();
                    break;
                case PGRES_COPY_IN:
                case PGRES_COPY_OUT:
                case PGRES_COPY_BOTH:
                    // It waits for what will never come: this connection is of no more use.
                    return Error { "expected a statement that does not copy",
                        Error::Kind::unavailable };
                default:
                    failure = failure_of(*result);
                }
            }
            if (PQstatus(connection_.get()) != CONNECTION_OK)
                return lost(connection_.get());
            if (failure)
                return *failure;
            return answer;
        }

        Result<void> wait_for_result(Steady::time_point deadline)
        {
            PGconn* const connection = connection_.get();
            while (PQisBusy(connection)) {
                const int unsent = PQflush(connection);
                if (unsent < 0)
                    return lost(connection);
                const auto events = static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0));
                if (!wait_for(connection, events, deadline))
                    return late("PostgreSQL did not answer");
                if (PQconsumeInput(connection) != 1)
                    return lost(connection);
            }
            return {};
        }

        static Result<void> take(PGresult& result, std::size_t most_rows, Answer& answer)
        {
            const int columns = PQnfields(&result);
            if (answer.columns.empty())
                for (int column = 0; column < columns; ++column)
                    answer.columns.emplace_back(PQfname(&result, column));
            const std::string_view changed = PQcmdTuples(&result);
            if (!changed.empty())
                answer.changed = std::stoull(std::string(changed));
            for (int row = 0; row < PQntuples(&result); ++row) {
                if (answer.rows.size() == most_rows)
                    return too_many_rows(most_rows);
                auto& fields = answer.rows.emplace_back();
                for (int column = 0; column < columns; ++column) {
                    const auto size = static_cast<std::size_t>(PQgetlength(&result, row, column));
                    if (size > max_field_bytes)
                        return too_long_field();
                    if (PQgetisnull(&result, row, column))
                        fields.emplace_back();
                    else
                        fields.emplace_back(std::string(PQgetvalue(&result, row, column), size));
                }
            }
            return {};
        }

        Error failure_of(PGresult& result) const
        {
            const char* const state = PQresultErrorField(&result, PG_DIAG_SQLSTATE);
            if (!state) // libpq's own: there is no connection any more
                return lost(connection_.get());
            // The primary message alone: the detail repeats the values.
            const char* const text = PQresultErrorField(&result, PG_DIAG_MESSAGE_PRIMARY);
            return { one_line(text ? text : state), kind_of(state) };
        }

        ConnectionHandle connection_;
        const Duration timeout_;
    };

}

Result<std::unique_ptr<Connection>> connect_postgresql(const ConnectionOptions& options)
{
    const std::string port = options.port == 0 ? "" : std::to_string(options.port);
    const auto deadline = Steady::now() + options.connect_timeout;
    const char* const names[] = { "host", "port", "dbname", "user", "password", "sslmode",
        "sslrootcert", "gssencmode", "client_encoding", "application_name", nullptr };
    const char* const values[] = { options.host.c_str(), port.c_str(), options.database.c_str(),
        options.user.c_str(), options.password.c_str(), sslmode(options), options.tls_ca.c_str(),
        "disable", "UTF8", "nuncio", nullptr };
    ConnectionHandle connection(PQconnectStartParams(names, values, 0));
    if (!connection)
        return Error { "out of memory", Error::Kind::unavailable };
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr); // they would go to stderr
    for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
         next = PQconnectPoll(connection.get())) {
        if (next == PGRES_POLLING_FAILED || PQstatus(connection.get()) == CONNECTION_BAD)
            return lost(connection.get());
        const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(connection.get(), events, deadline))
            return late("PostgreSQL accepted no connection");
    }
    if (PQsetnonblocking(connection.get(), 1) != 0)
        return lost(connection.get());
    return std::unique_ptr<Connection>(
        std::make_unique<Postgresql>(std::move(connection), options.query_timeout));
}

}
