// Where another thread is right now, and what it is busy with: it is asked by a signal, and answers
// into a buffer.
#include "stack_trace.h"

#include "stanza_outline.h"
#include "thread_activity.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <execinfo.h>
#include <memory>
#include <semaphore.h>

namespace nuncio::kernel {

namespace {

    constexpr int most_frames = 64;
    constexpr long patience_ns = 200'000'000;
    // The handler and what the system put below it.
    constexpr int frames_of_handler = 2;

    struct Request {
        enum State { idle, asked, answering };
        std::atomic<int> state = idle;
        Asked what = Asked::stanza;
        std::array<void*, most_frames> frames {};
        int count = 0;
        const HandlerMeter* meter = nullptr;
        std::uint64_t since = 0;
        StanzaOutline outline;
        sem_t answered {};
    };
    Request request; // a signal handler reaches nothing else

    void answer(int)
    {
        const int error = errno;
        int expected = Request::asked;
        // Somebody else may send this signal, too; it means nothing then.
        if (request.state.compare_exchange_strong(expected, Request::answering)) {
            request.meter = this_thread.meter.load(std::memory_order_relaxed);
            request.since = this_thread.since.load(std::memory_order_relaxed);
            request.outline = outline_of_handled();
            request.count = request.what == Asked::stanza
                ? 0
                : ::backtrace(request.frames.data(), most_frames);
            ::sem_post(&request.answered);
        }
        errno = error;
    }

    bool prepare()
    {
        // The first call opens the library that unwinds, which no signal handler may do.
        ::backtrace(request.frames.data(), most_frames);
        struct sigaction action { };
        action.sa_handler = answer;
        action.sa_flags = SA_RESTART | SA_ONSTACK;
        return ::sem_init(&request.answered, 0, 0) == 0
            && ::sigaction(stack_signal(), &action, nullptr) == 0;
    }

    bool wait_for_answer(long nanoseconds)
    {
        timespec until {};
        ::clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += nanoseconds;
        until.tv_sec += until.tv_nsec / 1'000'000'000;
        until.tv_nsec %= 1'000'000'000;
        while (::sem_timedwait(&request.answered, &until) != 0)
            if (errno != EINTR)
                return false;
        return true;
    }

}

int stack_signal()
{
    return SIGUSR2;
}

ThreadAnswer ask(pthread_t thread, Asked what)
{
    static const bool is_prepared = prepare();
    if (!is_prepared)
        return {};
    request.what = what;
    request.state = Request::asked;
    if (::pthread_kill(thread, stack_signal()) != 0 || !wait_for_answer(patience_ns)) {
        int expected = Request::asked;
        if (request.state.compare_exchange_strong(expected, Request::idle))
            return {};
        // It has begun after all, and does not take long.
        while (::sem_wait(&request.answered) != 0) { }
    }
    request.state = Request::idle;
    ThreadAnswer answer { request.meter, request.since, std::string(request.outline.text()), {} };
    const std::unique_ptr<char*, void (*)(void*)> names(
        ::backtrace_symbols(request.frames.data(), request.count), std::free);
    for (int i = frames_of_handler; names && i < request.count; ++i)
        answer.stack.emplace_back(names.get()[i]);
    return answer;
}

}
