// Several tasks at once, and jobs in the worker pool, for the kernel's own coroutines.
#pragma once

#include "root_frame.h"
#include "server.h"

#include <nuncio/task.h>

#include <exception>
#include <type_traits>
#include <vector>

namespace nuncio::kernel {

namespace detail {

    struct Group {
        std::size_t left = 0;
        std::exception_ptr thrown;
        Completion<bool> ended;
    };

    inline RootFrame follow(Group& group, task<void>& job)
    {
        try {
            co_await job;
        } catch (...) {
            group.thrown = std::current_exception();
        }
        // Whoever waits is resumed by a letter: not from inside this frame.
        if (--group.left == 0)
            group.ended.resolve(true);
    }

}

/// Starts all, and ends when all have ended; throws what the first of them threw. Whoever destroys
/// it before that destroys them, too.
inline task<void> together(std::vector<task<void>> jobs)
{
    if (jobs.empty())
        co_return;
    detail::Group group;
    group.left = jobs.size();
    std::vector<RootFrame> frames;
    for (task<void>& job : jobs)
        frames.push_back(detail::follow(group, job));
    for (RootFrame& frame : frames)
        frame.start();
    co_await group.ended;
    if (group.thrown)
        std::rethrow_exception(group.thrown);
}

/// Runs `job` on a worker and comes back with its answer. When the pool is full it waits for room.
template <class F>
task<std::invoke_result_t<F&>> in_pool(Server& server, F job)
{
    constexpr Duration until_room = std::chrono::milliseconds(20);
    const Completion<std::invoke_result_t<F&>> answer;
    Function<void()> run = [job = std::move(job), answer]() mutable { answer.resolve(job()); };
    while (!server.workers().submit(run))
        co_await sleep_for(until_room);
    co_return co_await answer;
}

}
