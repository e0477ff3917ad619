// Connections of a library that blocks, shared by the logins of one host.
#pragma once

#include <nuncio/circuit_breaker.h>
#include <nuncio/context.h>
#include <nuncio/lane.h>
#include <nuncio/value.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace nuncio::inline v1 {

/// The bounds of one pool.
struct ConnectionPoolOptions {
    std::string name; ///< of the threads
    std::uint32_t connections = 4; ///< as many jobs run at once, 1 … 64
    std::uint32_t queue = 256; ///< jobs that may wait for a connection
    Duration timeout = 10s; ///< until who waits hears `unavailable`; let the library's be shorter
    CircuitBreaker::Options breaker {};
};

/// Runs jobs on threads of its own, each with a `Connection` that no other job uses meanwhile:
/// a directory or a database that is slow delays those who ask it, one that is dead delays them
/// for `timeout` a few times and then no more. Connections are made when they are needed, kept
/// while they work, and dropped with all others once one was found broken. Member of a plugin,
/// made in its start.
template <class Connection>
class ConnectionPool {
public:
    /// Makes a connection; on a thread of the pool, may block.
    using Connect = std::function<Result<std::unique_ptr<Connection>>()>;
    /// A question that is nobody's, and changes nothing; on a thread of the pool, may block. Put as
    /// soon as the breaker is open: a service that answers it in any way but `unavailable` was
    /// silent about some users only (one that hangs on a name, say), and is left alone for nobody.
    using Probe = std::function<Result<void>(Connection&)>;

    /// With a lane of its own from the context.
    ConnectionPool(
        Context& context, const ConnectionPoolOptions& options, Connect connect, Probe probe = {})
        : ConnectionPool(
            context.lane(
                { .name = options.name, .threads = options.connections, .queue = options.queue }),
            options, std::move(connect), std::move(probe))
    {
    }
    /// On a lane that was made already.
    ConnectionPool(std::unique_ptr<Lane> lane, const ConnectionPoolOptions& options,
        Connect connect, Probe probe = {})
        : timeout_(options.timeout)
        , connect_(std::move(connect))
        , probe_(std::move(probe))
        , breaker_(options.breaker)
        , lane_(std::move(lane))
    {
    }

    /// Runs `job(Connection&)`, which answers a Result<T>, and comes back to this loop. Its error
    /// `unavailable` means that the connection is broken; the job is then run once more with a new
    /// one, unless it had a new one, or took so long to find out that who waits is about to give
    /// up. So a job asks or replaces; it does not count up.
    template <class Job, class Answer = std::invoke_result_t<Job&, Connection&>>
    task<Answer> run(Job job)
    {
        return run(std::move(job), timeout_);
    }
    /// The same for a job that may take longer, or must not take as long.
    template <class Job, class Answer = std::invoke_result_t<Job&, Connection&>>
    task<Answer> run(Job job, Duration timeout)
    {
        auto call = breaker_.admit(Loop::current()->now());
        if (!call)
            co_return call.error();
        auto attempt = [this, job = std::move(job)]() mutable { return run_here<Answer>(job); };
        Answer answer = co_await lane_->run(std::move(attempt), timeout);
        const auto kind = answer ? Error::Kind::invalid : answer.error().kind;
        if (kind == Error::Kind::unavailable) {
            call->failed(Loop::current()->now(), answer.error().text);
            if (probe_ && breaker_.is_open(Loop::current()->now()))
                probe();
        } else if (kind != Error::Kind::limit) { // no room in the queue says nothing of the service
            call->succeeded();
        }
        co_return answer;
    }

    /// What an administrator should know of it. Any thread.
    Value health() const
    {
        Value table;
        table["state"] = breaker_.last_error().empty() ? "ok" : "failing";
        table["waiting"] = std::uint64_t(lane_->waiting());
        if (const std::string error = breaker_.last_error(); !error.empty())
            table["last_error"] = error;
        const std::lock_guard lock(mutex_);
        table["connections"] = std::uint64_t(idle_.size() + busy_);
        table["busy"] = std::uint64_t(busy_);
        return table;
    }

private:
    /// One at a time. With no room in the queue, none: the next failure is the next chance.
    void probe()
    {
        if (is_probing_.exchange(true))
            return;
        const bool has_room = lane_->submit([this] {
            const auto answer = run_here<Result<void>>(probe_);
            is_probing_ = false;
            if (answer || answer.error().kind != Error::Kind::unavailable)
                breaker_.recovered();
        });
        if (!has_room)
            is_probing_ = false;
    }

    /// Takes an idle connection, if there is one.
    std::unique_ptr<Connection> take()
    {
        const std::lock_guard lock(mutex_);
        ++busy_;
        if (idle_.empty())
            return nullptr;
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
    }
    void give_back(std::unique_ptr<Connection> connection, bool works)
    {
        std::vector<std::unique_ptr<Connection>> stale; // ends after the lock
        const std::lock_guard lock(mutex_);
        --busy_;
        if (works)
            idle_.push_back(std::move(connection));
        else
            stale.swap(idle_); // the others lead to the same server
    }
    template <class Answer, class Job>
    Answer run_here(Job& job)
    {
        using Steady = std::chrono::steady_clock; // a lane has no loop's clock
        const auto began = Steady::now();
        auto connection = take();
        for (bool is_new = false;; is_new = true) {
            if (!connection) {
                is_new = true;
                auto made = connect_();
                if (!made) {
                    give_back(nullptr, false);
                    return made.error();
                }
                connection = *std::move(made);
            }
            Answer answer = detail::answer_of<Answer>(job, *connection);
            const bool works = answer || answer.error().kind != Error::Kind::unavailable;
            // A connection that was closed while it was idle says so at once, and a new one will
            // do. Who was silent for long hangs, and would with a new one, too.
            if (works || is_new || Steady::now() - began > timeout_ / 4) {
                give_back(std::move(connection), works);
                return answer;
            }
            connection.reset();
        }
    }

    const Duration timeout_;
    const Connect connect_;
    Probe probe_;
    std::atomic<bool> is_probing_ = false;
    CircuitBreaker breaker_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_; // guarded
    std::size_t busy_ = 0; // guarded
    std::unique_ptr<Lane> lane_; // last: its jobs use all of the above
};

}
