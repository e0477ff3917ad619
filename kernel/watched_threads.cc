// The threads that run code of plugins.
#include "watched_threads.h"

#include "stack_trace.h"

#include <csignal>

namespace nuncio::kernel {

WatchedThread::WatchedThread(
    WatchedThreads& threads, std::string name, WatchedThreads::Kind kind, std::uint32_t place)
    : threads_(threads)
{
    this_thread.place = place;
    // Threads are started with all signals blocked; a fatal one that is blocked kills without a
    // record.
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int signal : { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, stack_signal() })
        ::sigaddset(&wanted, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &wanted, nullptr);

    const std::lock_guard lock(threads_.mutex());
    auto& entries = threads_.entries();
    entry_
        = entries.insert(entries.end(), { std::move(name), kind, ::pthread_self(), &this_thread });
}

WatchedThread::~WatchedThread()
{
    const std::lock_guard lock(threads_.mutex());
    threads_.entries().erase(entry_);
    this_thread.place = 0;
}

}
