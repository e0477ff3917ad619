// Looks after plugins that take too long or throw too much.
#include "watchdog.h"

#include "iq_queue.h"
#include "log_sink.h"
#include "plugin_host.h"
#include "quarantine.h"
#include "server.h"
#include "stack_trace.h"
#include "virtual_host.h"

#include <algorithm>
#include <pthread.h>
#include <signal.h>

namespace nuncio::kernel {

namespace {

    using std::chrono::milliseconds;

    constexpr auto failure_period = 1min;
    // What takes long does so all the time: who reads the log wants to know it, not to drown in it.
    constexpr auto warning_period = 1min;
    constexpr int workers_patience = 10; // times that of a loop
    constexpr std::size_t most_frames_logged = 40;

    std::string text_of(const HandlerMeter& meter)
    {
        const auto& name = meter.name();
        return name.plugin + " on " + name.host + ": " + std::string(to_string(name.kind))
            + (name.handler.empty() ? "" : " " + name.handler);
    }

    /// ", busy with …", when the thread still was in that handler when it was asked.
    std::string business(const WatchedThreads::Entry& entry, const ThreadAnswer& answer)
    {
        const bool is_same = answer.meter == entry.meter && answer.since <= entry.seen_at;
        return is_same && !answer.stanza.empty() ? ", busy with " + answer.stanza : "";
    }

}

Watchdog::Watchdog(Server& server)
    : server_(server)
    , log_(server.logs().log("watchdog"))
    , settings_(server.settings().watchdog)
{
}

Watchdog::~Watchdog()
{
    stop();
}

void Watchdog::start()
{
    // Signals are the main thread's business.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "watchdog");
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Watchdog::stop()
{
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable())
        thread_.join();
}

void Watchdog::configure(const WatchdogSettings& settings)
{
    {
        const std::lock_guard lock(mutex_);
        settings_ = settings;
    }
    changed_.notify_all();
}

WatchdogSettings Watchdog::settings()
{
    const std::lock_guard lock(mutex_);
    return settings_;
}

void Watchdog::run()
{
    using Clock = std::chrono::steady_clock;
    auto counted_at = Clock::now();
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
        // Twice in the time after which it warns, so that it is late by half of that at the most.
        const auto period = std::clamp<Duration>(settings_.shortest_warning() / 2, 10ms, 1s);
        changed_.wait_for(lock, period);
        if (is_stopping_)
            return;
        lock.unlock();
        look();
        if (Clock::now() - counted_at >= failure_period) {
            count_failures();
            counted_at = Clock::now();
        }
        lock.lock();
    }
}

void Watchdog::look(std::uint64_t now)
{
    const WatchdogSettings bounds = settings();
    const std::lock_guard lock(server_.threads().mutex());
    for (WatchedThreads::Entry& entry : server_.threads().entries())
        look_at(entry, now, bounds);
}

void Watchdog::look_at(
    WatchedThreads::Entry& entry, std::uint64_t now, const WatchdogSettings& settings)
{
    const HandlerMeter* const meter = entry.activity->meter.load(std::memory_order_acquire);
    const std::uint64_t since = entry.activity->since.load(std::memory_order_relaxed);
    const bool is_same = meter && meter == entry.meter && since <= entry.seen_at;
    if (!is_same)
        entry.was_warned = entry.is_stalling = false;
    entry.meter = meter;
    entry.seen_at = now;
    // It may have changed between the two looks; the next one will tell.
    if (!meter || entry.activity->meter.load(std::memory_order_acquire) != meter || since >= now)
        return;
    const auto time = server_.meters().rate().duration(now - since);
    const auto time_ms = std::chrono::duration_cast<milliseconds>(time);
    const int factor = entry.kind == WatchedThreads::Kind::loop ? 1 : workers_patience;
    const Patience bounds = settings.patience_with(meter->name().plugin);
    if (time >= bounds.warn_after * factor && !entry.was_warned) {
        entry.was_warned = true;
        warn(entry, time_ms, now);
    }
    if (time >= bounds.stall_after * factor && !entry.is_stalling) {
        entry.is_stalling = true;
        report_stall(entry, time_ms);
        server_.main_loop().post([this, meter] { stalled(*meter); });
    }
}

void Watchdog::warn(WatchedThreads::Entry& entry, milliseconds time, std::uint64_t now)
{
    const auto [known, is_first] = warnings_.try_emplace(entry.meter, Warning { now });
    Warning& last = known->second;
    if (!is_first && server_.meters().rate().duration(now - last.at) < warning_period) {
        ++last.left_out;
        return;
    }
    // A signal may end a sleep early: it is not sent when there is nothing to hear.
    const bool handles_stanza = entry.activity->handled.load(std::memory_order_relaxed) != nullptr;
    log_->warn("plugin {} has been running for {} ms and holds up {}{}{}", text_of(*entry.meter),
        time.count(), entry.name,
        handles_stanza ? business(entry, ask(entry.thread, Asked::stanza)) : "",
        last.left_out == 0
            ? ""
            : ", and " + std::to_string(last.left_out) + " times since it was last told of");
    last = { now };
}

void Watchdog::report_stall(const WatchedThreads::Entry& entry, milliseconds time)
{
    const ThreadAnswer answer = ask(entry.thread, Asked::stanza_and_stack);
    log_->error("plugin {} stalls {}: {} ms until now{}", text_of(*entry.meter), entry.name,
        time.count(), business(entry, answer));
    if (answer.stack.empty())
        log_->error("{} does not tell its stack", entry.name);
    for (std::size_t i = 0; i < std::min(answer.stack.size(), most_frames_logged); ++i)
        log_->error("  {}", answer.stack[i]);
}

void Watchdog::count_failures()
{
    const std::uint64_t bound = settings().failures_per_minute;
    std::map<Whose, std::uint64_t> sums;
    for (const HandlerMeter* const meter : server_.meters().all()) {
        const std::uint64_t failures = meter->failures();
        std::uint64_t& before = failures_[meter];
        sums[{ meter->name().plugin, meter->name().host }] += failures - before;
        before = failures;
    }
    for (const auto& [whose, count] : sums)
        if (count > bound)
            server_.main_loop().post(
                [this, whose = whose, count = count] { failed(whose, count); });
}

bool Watchdog::is_stalling(std::string_view plugin, std::string_view host)
{
    const std::lock_guard lock(server_.threads().mutex());
    return std::ranges::any_of(
        server_.threads().entries(), [&](const WatchedThreads::Entry& entry) {
            return entry.is_stalling && entry.meter->name().plugin == plugin
                && entry.meter->name().host == host;
        });
}

void Watchdog::stalled(const HandlerMeter& meter)
{
    const WatchdogSettings bounds = settings();
    const Whose whose { meter.name().plugin, meter.name().host };
    if (bounds.action == "demote" && !meter.is_demoted()) {
        if (demote(meter))
            log_->warn("plugin {} runs in the worker pool from now on", text_of(meter));
        else
            log_->warn("plugin {} cannot be moved to the worker pool: only iq handlers without a "
                       "queue that answer for the server can",
                text_of(meter));
    }
    if (bounds.action != "quarantine")
        return;
    const auto now = std::chrono::steady_clock::now();
    auto& stalls = stalls_[whose];
    stalls.push_back(now);
    while (stalls.front() < now - bounds.window)
        stalls.pop_front();
    if (stalls.size() < bounds.stalls)
        return;
    const std::string reason = "it stalled " + std::to_string(stalls.size()) + " times";
    stalls_.erase(whose);
    quarantine(whose, reason);
}

void Watchdog::failed(const Whose& whose, std::uint64_t count)
{
    log_->warn("plugin {} on {} threw {} times in a minute", whose.first, whose.second, count);
    if (settings().action == "quarantine")
        quarantine(whose, "it threw " + std::to_string(count) + " times in a minute");
}

bool Watchdog::demote(const HandlerMeter& meter)
{
    VirtualHost* const host = server_.find_host(meter.name().host);
    if (!host)
        return false;
    for (const auto& instance : host->published()->instances)
        for (auto& handler : instance->registrations().iq_handlers)
            if (handler.meter == &meter && handler.strand) {
                handler.meter->demote();
                return true;
            }
    return false;
}

void Watchdog::quarantine(const Whose& whose, const std::string& reason)
{
    const auto& [plugin, host] = whose;
    const auto required = settings().required;
    if (std::ranges::find(required, plugin) != required.end())
        return log_->error(
            "plugin {} would be quarantined on {}, but is required: {}", plugin, host, reason);
    if (server_.quarantine().find(plugin, host))
        return;
    server_.plugins().unload(
        plugin, host, Dependents::refuse, [this, whose, reason](Result<void> unloaded) {
            const auto& [name, domain] = whose;
            if (!unloaded)
                return log_->error("plugin {} should be quarantined on {} ({}), but cannot be "
                                   "unloaded: {}",
                    name, domain, reason, unloaded.error().text);
            if (auto kept = server_.quarantine().add({ name, domain, reason }); !kept)
                log_->error("{}", kept.error().text);
            log_->error("plugin {} is quarantined on {}: {}; nuncioctl plugin release {} lifts it",
                name, domain, reason, name);
        });
}

}
