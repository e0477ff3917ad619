// Lanes: threads of a plugin's own, for a library that blocks on a service of somebody else's.
#pragma once

#include <nuncio/function.h>
#include <nuncio/loop.h>
#include <nuncio/result.h>
#include <nuncio/task.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace nuncio::inline v1 {

namespace detail {

    /// What a job answers; what it throws becomes an answer, too.
    template <class Answer, class Job, class... Arguments>
    Answer answer_of(Job& job, Arguments&... arguments)
    {
        try {
            return job(arguments...);
        } catch (const std::exception& thrown) {
            return Error { thrown.what(), Error::Kind::internal };
        }
    }

}

/// The bounds of one lane.
struct LaneOptions {
    std::string name; ///< of its threads, and in what the watchdog says; at most 12 bytes show
    std::uint32_t threads = 1; ///< 1 … 64
    std::uint32_t queue = 256; ///< jobs that may wait for a thread
};

/// Threads apart from the worker pool that all plugins share: a database that hangs delays those
/// who ask it, and nobody else. Made by Context::lane; dropping it waits for the jobs that it has
/// taken, of which there are none when the instance ends, since each job keeps it.
class NUNCIO_API Lane {
public:
    virtual ~Lane();

    /// Any thread. False when the queue is full: the job is gone.
    virtual bool submit(Function<void()> job) = 0;
    /// Jobs that wait for a thread. Any thread.
    virtual std::size_t waiting() const = 0;

    /// Runs `job`, which answers a Result<T>, on one of the threads, and comes back to this loop
    /// with its answer, after `timeout` at the latest: with `unavailable` then, while the thread
    /// goes on with the job by itself. `limit` when the queue is full.
    template <class Job, class Answer = std::invoke_result_t<Job&>>
    task<Answer> run(Job job, Duration timeout)
    {
        auto once = std::make_shared<std::atomic<bool>>(false); // shared: by the thread and a timer
        Completion<Answer> done;
        Function<void()> work = [job = std::move(job), once, done]() mutable {
            if (once->load(std::memory_order_relaxed))
                return; // nobody waits any more
            Answer answer = detail::answer_of<Answer>(job);
            if (!once->exchange(true))
                done.resolve(std::move(answer));
        };
        if (!submit(std::move(work)))
            co_return Error { "too many are waiting already", Error::Kind::limit };
        Function<void()> give_up = [once, done] {
            if (!once->exchange(true))
                done.resolve(Error { "no answer in time", Error::Kind::unavailable });
        };
        const Timer timer = Loop::current()->after(timeout, std::move(give_up));
        Answer answer = co_await done;
        co_return answer;
    }
};

}
