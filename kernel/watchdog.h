// Looks after plugins that take too long or throw too much, and does what the settings say.
#pragma once

#include "handler_meter.h"
#include "settings.h"
#include "watched_threads.h"

#include <nuncio/log.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace nuncio::kernel {

class Server;

/// A thread of its own looks at what the others do a few times a second; what follows from it
/// happens on the main loop. Nothing can stop a handler that does not return: it can be told of,
/// kept from the loops, or kept out of the next start.
class Watchdog {
public:
    explicit Watchdog(Server& server);
    ~Watchdog();

    /// Main thread.
    void start();
    /// Before the main loop ends.
    void stop();
    /// Main thread: other settings hold from now on.
    void configure(const WatchdogSettings& settings);

    /// Any thread: looks once. What start() does again and again.
    void look(std::uint64_t now = ticks());
    /// Any thread: how much was thrown since the last call.
    void count_failures();

    /// Any thread: whether a handler of the plugin has stalled a thread right now.
    bool is_stalling(std::string_view plugin, std::string_view host);

private:
    using Whose = std::pair<std::string, std::string>; ///< plugin, host

    void run();
    void look_at(WatchedThreads::Entry& entry, std::uint64_t now, const WatchdogSettings& settings);
    void warn(WatchedThreads::Entry& entry, std::chrono::milliseconds time, std::uint64_t now);
    void report_stall(const WatchedThreads::Entry& entry, std::chrono::milliseconds time);
    // Main loop.
    void stalled(const HandlerMeter& meter);
    void failed(const Whose& whose, std::uint64_t count);
    bool demote(const HandlerMeter& meter);
    void quarantine(const Whose& whose, const std::string& reason);
    WatchdogSettings settings();

    Server& server_;
    std::unique_ptr<Log> log_;
    std::mutex mutex_;
    std::condition_variable changed_;
    WatchdogSettings settings_; // guarded
    bool is_stopping_ = false; // guarded
    std::thread thread_;
    struct Warning {
        std::uint64_t at; ///< in ticks
        std::uint64_t left_out = 0; ///< since
    };
    std::map<const HandlerMeter*, Warning> warnings_; // the last ones; guarded as the threads are
    std::map<const HandlerMeter*, std::uint64_t> failures_; // of the last count; monitor only
    std::map<Whose, std::deque<std::chrono::steady_clock::time_point>> stalls_; // main loop
};

}
