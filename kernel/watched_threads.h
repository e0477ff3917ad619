// The threads that run code of plugins.
#pragma once

#include "crash_record.h"
#include "thread_activity.h"

#include <cstdint>
#include <list>
#include <mutex>
#include <pthread.h>
#include <string>

namespace nuncio::kernel {

class HandlerMeter;

class WatchedThreads {
public:
    enum class Kind {
        loop, ///< serves many: nothing may hold it up
        worker, ///< is there to be held up
    };
    struct Entry {
        std::string name;
        Kind kind;
        pthread_t thread;
        const ThreadActivity* activity;
        // What the watchdog knows of it.
        const HandlerMeter* meter = nullptr; ///< seen last
        std::uint64_t seen_at = 0;
        bool was_warned = false;
        bool is_stalling = false;
    };

    std::mutex& mutex() { return mutex_; }
    /// With the mutex held; an entry's thread runs for as long as that.
    std::list<Entry>& entries() { return entries_; }

private:
    std::mutex mutex_;
    std::list<Entry> entries_; // guarded
};

/// The calling thread is watched while it lives: it can be asked for its stack, and what kills it
/// is recorded. `place`: where it counts (HandlerMeter).
class WatchedThread {
public:
    WatchedThread(
        WatchedThreads& threads, std::string name, WatchedThreads::Kind kind, std::uint32_t place);
    ~WatchedThread();
    WatchedThread(const WatchedThread&) = delete;
    WatchedThread& operator=(const WatchedThread&) = delete;

private:
    WatchedThreads& threads_;
    std::list<WatchedThreads::Entry>::iterator entry_;
    SignalStack stack_;
};

}
