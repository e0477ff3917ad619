// The server: owns its parts, and starts and stops them in an order that reads top to bottom.
#pragma once

#include "bell.h"
#include "child_process.h"
#include "handler_meter.h"
#include "lanes.h"
#include "loop.h"
#include "router.h"
#include "settings.h"
#include "watched_threads.h"
#include "worker_pool.h"

#include <nuncio/log.h>

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace nuncio::kernel {

class VirtualHost;
class PluginHost;
class C2sManager;
class CommandRegistry;
class CtlSocket;
class HostDeparture;
class LogSink;
class PluginWatch;
class Quarantine;

class ServerReload;
class Trace;
class Watchdog;

class Server {
public:
    /// `clock` manual and `threads` off make the in-process server of the tests: all loops run on
    /// the calling thread.
    struct Options {
        ClockKind clock = ClockKind::real;
        bool threads = true;
        /// In-process tests: asked after each of these calls of an instance, with the plugin's
        /// name; what it answers or throws counts as the plugin's own.
        enum class Call { start, save, restore };
        std::function<Result<void>(std::string_view plugin, Call)> fault {};
    };
    Server(Settings settings, LogSink& logs, Options options);
    ~Server();

    /// Brings everything up; answers when listeners accept.
    Result<void> start();
    /// Runs the main loop until stop(); then ends streams with `system-shutdown`, flushes queues,
    /// ends plugins. The calling thread is the main thread.
    void run();
    /// Any thread.
    void stop();

    /// As the calling loop has them (the main loop's, off the loops). Ask again each turn: a reload
    /// replaces them.
    const Settings& settings() const;
    /// Main thread: applies new settings as far as they can be taken up at run time. A failure
    /// leaves everything as it was. One after the other. See ServerReload.
    void reload(Settings settings, std::function<void(Result<std::vector<std::string>>)> done);
    /// Main thread: what the settings want and the server does not do, as of the last reload.
    struct Unfinished {
        std::vector<std::string> waiting; ///< the names of options that wait for a restart
        /// Hosts whose plugins go on as they were, and why.
        std::vector<std::pair<std::string, std::string>> refused;
    };
    const Unfinished& unfinished() const { return unfinished_; }

    // Parts. Constant after start().
    KernelLoop& main_loop() { return *main_loop_; }
    std::size_t loop_count() const { return loops_.size(); }
    KernelLoop& loop(std::size_t index) { return *loops_[index]; }
    WorkerPool& workers() { return *workers_; }
    Lanes& lanes() { return lanes_; }
    Children& children() { return children_; }
    HandlerMeters& meters() { return *meters_; }
    WatchedThreads& threads() { return watched_threads_; }
    Watchdog& watchdog() { return *watchdog_; }
    Quarantine& quarantine() { return *quarantine_; }
    Trace& trace() { return *trace_; }
    Router& router() { return router_; }
    S2sManager& s2s() { return s2s_; }
    PluginHost& plugins() { return *plugins_; }
    C2sManager& c2s() { return *c2s_; }
    CommandRegistry& commands() { return *commands_; }
    Log& log() { return *log_; }
    LogSink& logs() { return logs_; }

    /// Main thread: those that are served. A loop that wants to know looks at domains().
    const std::vector<std::unique_ptr<VirtualHost>>& hosts() const { return hosts_; }
    VirtualHost* find_host(std::string_view domain);
    /// Main thread: hosts that are served no more; some of these may be over.
    const std::vector<std::unique_ptr<HostDeparture>>& departures() const { return departures_; }
    /// The calling loop's table of domains.
    const DomainTable& domains() const;
    /// Main thread: rebuilds it from the hosts' published tables; `switched` runs on the main
    /// thread when every loop has it.
    void publish_domains(Function<void()> switched);
    /// Main thread: posts `job` to every loop; runs `done` on the main thread after all ran it.
    void on_every_loop(std::function<void(KernelLoop&)> job, Function<void()> done);

    const Options& options() const { return options_; }
    /// In-process tests: runs loops, workers and main until nothing is left to do.
    void settle();
    void advance(Duration by);
    /// The same, settled: waits, in real time, until another thread has sent something to one of
    /// the loops. False: nothing came within `most`.
    bool wait_for_mail(std::chrono::nanoseconds most);

private:
    friend class ServerReload;
    /// Takes effect with publish_domains().
    void serve(std::unique_ptr<VirtualHost> host);
    std::unique_ptr<VirtualHost> stop_serving(VirtualHost& host);
    HostDeparture& part_from(std::unique_ptr<VirtualHost> host);
    void take_settings(std::shared_ptr<const Settings> settings);
    Result<void> watch_plugins(bool wanted);
    void run_watched(KernelLoop& loop, std::string name);
    void job_failed(void* plugin, const std::exception_ptr& thrown);
    void begin_reload();

    std::vector<std::shared_ptr<const Settings>>
        settings_; // one per loop, main last; shared by them
    LogSink& logs_;
    Options options_;
    std::unique_ptr<Log> log_;
    std::unique_ptr<HandlerMeters> meters_; // outlives every thread that measures
    WatchedThreads watched_threads_;
    std::unique_ptr<Trace> trace_;
    std::unique_ptr<Quarantine> quarantine_;
    std::unique_ptr<Watchdog> watchdog_;
    Bell bell_; // of loops on a manual clock
    std::unique_ptr<KernelLoop> main_loop_;
    std::vector<std::unique_ptr<KernelLoop>> loops_;
    std::vector<std::thread> threads_;
    std::unique_ptr<WorkerPool> workers_;
    Lanes lanes_;
    Children children_;
    Router router_ { *this };
    S2sManager s2s_ { *this };
    std::unique_ptr<CommandRegistry> commands_;
    std::vector<std::unique_ptr<VirtualHost>> hosts_;
    std::vector<std::unique_ptr<HostDeparture>> departures_;
    std::deque<std::unique_ptr<ServerReload>> reloads_; // the first one is under way
    Unfinished unfinished_;
    std::unique_ptr<PluginHost> plugins_;
    std::unique_ptr<C2sManager> c2s_;
    std::unique_ptr<CtlSocket> ctl_;
    std::unique_ptr<PluginWatch> watch_;
    std::vector<std::shared_ptr<const DomainTable>> domain_tables_; // one per loop, main last
    bool are_threads_running_ = false;
    std::atomic<bool> stopping_ = false;
};

}
