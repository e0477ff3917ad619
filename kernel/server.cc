// The server: its parts in the order they come up, and the reverse.
#include "server.h"

#include "c2s.h"
#include "command_registry.h"
#include "commands.h"
#include "ctl_socket.h"
#include "host_departure.h"
#include "load_certificates.h"
#include "log_sink.h"
#include "plugin_host.h"
#include "plugin_watch.h"
#include "process.h"
#include "quarantine.h"
#include "server_reload.h"
#include "shard.h"
#include "trace.h"
#include "virtual_host.h"
#include "watchdog.h"

#include <algorithm>
#include <sys/stat.h>

namespace nuncio::kernel {

namespace {

    std::size_t loops_wanted(const Settings& settings)
    {
        if (settings.loops != 0)
            return settings.loops;
        return std::max(1U, std::thread::hardware_concurrency());
    }

}

Server::Server(Settings settings, LogSink& logs, Options options)
    : logs_(logs)
    , options_(options)
    , log_(logs.log("server"))
{
    const std::size_t count = loops_wanted(settings);
    for (std::size_t i = 0; i < count; ++i)
        loops_.push_back(std::make_unique<KernelLoop>(i, options.clock));
    main_loop_ = std::make_unique<KernelLoop>(count, options.clock);
    meters_ = std::make_unique<HandlerMeters>(count + 1);
    trace_ = std::make_unique<Trace>(*this);
    router_.set_loops(count);
    for (auto& loop : loops_)
        loop->set_failure_handler(
            [this](void* plugin, std::exception_ptr thrown) { job_failed(plugin, thrown); });
    main_loop_->set_failure_handler(
        [this](void* plugin, std::exception_ptr thrown) { job_failed(plugin, thrown); });
    settings_.assign(count + 1, std::make_shared<const Settings>(std::move(settings)));
    domain_tables_.assign(count + 1, std::make_shared<const DomainTable>());
    workers_ = std::make_unique<WorkerPool>(WorkerPool::Options {
        .threads = std::max(1U, this->settings().workers), .watched = &watched_threads_ });
    const std::string& data_dir = this->settings().data_dir;
    quarantine_ = std::make_unique<Quarantine>(
        data_dir.empty() ? std::string() : data_dir + "/quarantine.json");
    watchdog_ = std::make_unique<Watchdog>(*this);
    commands_ = std::make_unique<CommandRegistry>(*this);
    plugins_ = std::make_unique<PluginHost>(*this);
    c2s_ = std::make_unique<C2sManager>(*this);
}

Server::~Server()
{
    watchdog_->stop();
    // Streams before hosts, hosts before loops: each refers to what comes after it here.
    watch_.reset();
    ctl_.reset();
    c2s_.reset();
    plugins_.reset();
    reloads_.clear();
    children_.end_all();
    hosts_.clear();
    departures_.clear();
    commands_.reset();
    workers_.reset();
}

const Settings& Server::settings() const
{
    const Loop* loop = Loop::current();
    return *settings_[loop ? loop->index() : loops_.size()];
}

/// The wall around posted jobs and timers: what they throw is told, and the loop goes on.
void Server::job_failed(void* plugin, const std::exception_ptr& thrown)
{
    const std::string whose = plugin
        ? "plugin " + static_cast<PluginInstance*>(static_cast<Leased*>(plugin))->name()
        : "the kernel";
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& failure) {
        log_->error("{} threw in a job of its own: {}", whose, failure.what());
    } catch (...) {
        log_->error("{} threw something that is no exception in a job of its own", whose);
    }
}

void Server::run_watched(KernelLoop& loop, std::string name)
{
    const WatchedThread watched(watched_threads_, std::move(name), WatchedThreads::Kind::loop,
        static_cast<std::uint32_t>(loop.index()) + 1);
    loop.run();
}

Result<void> Server::start()
{
    judge_crashes(this->settings(), *quarantine_, *log_);
    const Settings& settings = this->settings();
    for (const HostSettings& host : settings.hosts)
        hosts_.push_back(std::make_unique<VirtualHost>(*this, host));
    auto tls = load_certificates(settings);
    if (!tls)
        return tls.error();
    add_kernel_commands(*this, *commands_);

    if (auto started = plugins_->start_all(); !started)
        return started;
    publish_domains({});

    c2s_->set_tls(*tls);
    if (options_.threads) {
        if (auto listening = c2s_->listen(settings.listen); !listening)
            return listening;
        if (!settings.ctl_socket.empty()) {
            auto ctl = CtlSocket::create(*this, settings.ctl_socket);
            if (!ctl)
                return ctl.error();
            ctl_ = std::move(*ctl);
        }
        if (auto watching = watch_plugins(settings.watch); !watching)
            return watching;
        are_threads_running_ = true;
        for (auto& loop : loops_)
            threads_.emplace_back([this, &loop = *loop] {
                run_watched(loop, "loop-" + std::to_string(loop.index()));
            });
        watchdog_->start();
    }
    return {};
}

Result<void> Server::watch_plugins(bool wanted)
{
    if (!wanted || watch_ || !options_.threads) {
        if (!wanted)
            watch_.reset();
        return {};
    }
    auto watch = PluginWatch::open(*main_loop_, plugins_->folders(), [this] {
        plugins_->refresh([this](const Value::Array& rows) {
            for (const Value& row : rows)
                log_->info("the file of plugin {} has changed: {}", row.find("plugin")->as_string(),
                    row.find("result")->as_string());
        });
    });
    if (!watch)
        return watch.error();
    watch_ = std::move(*watch);
    return {};
}

void Server::run()
{
    run_watched(*main_loop_, "the main thread");
    watchdog_->stop();
    for (auto& loop : loops_)
        loop->stop();
    for (std::thread& thread : threads_)
        thread.join();
    threads_.clear();
    are_threads_running_ = false;
    logs_.flush();
}

void Server::stop()
{
    if (stopping_.exchange(true))
        return;
    main_loop_->post([this] {
        notify_service_manager("STOPPING=1");
        log_->info("stopping: {} streams are told", c2s_->open_streams());
        c2s_->shut_down([this] {
            plugins_->stop_all([this](Result<void> ended) {
                if (!ended)
                    log_->error("stopping plugins: {}", ended.error().text);
                main_loop_->stop();
            });
        });
    });
}

VirtualHost* Server::find_host(std::string_view domain)
{
    for (const auto& host : hosts_)
        if (host->domain() == domain)
            return host.get();
    return nullptr;
}

const DomainTable& Server::domains() const
{
    return *domain_tables_[Loop::current()->index()];
}

void Server::publish_domains(Function<void()> switched)
{
    auto table = std::make_shared<DomainTable>();
    for (const auto& host : hosts_) {
        table->domains[std::string(host->domain())] = { host.get(), false };
        for (const auto& [domain, entry] : host->published()->domains)
            table->domains[domain] = { host.get(), true };
    }
    on_every_loop([this, table](KernelLoop& loop) { domain_tables_[loop.index()] = table; },
        std::move(switched));
}

void Server::on_every_loop(std::function<void(KernelLoop&)> job, Function<void()> done)
{
    if (options_.threads && !are_threads_running_) {
        for (const auto& loop : loops_)
            job(*loop);
        job(*main_loop_);
        if (done)
            done();
        return;
    }
    // Counts down on the main loop only, so it needs no lock.
    struct Round {
        std::size_t left;
        Function<void()> done;
    };
    auto round = std::make_shared<Round>(); // shared: by the letters of all loops
    round->left = loops_.size();
    round->done = std::move(done);
    job(*main_loop_);
    for (const auto& loop : loops_) {
        loop->post([this, job, round, &loop = *loop] {
            job(loop);
            main_loop_->post([round] {
                if (--round->left == 0 && round->done)
                    round->done();
            });
        });
    }
}

void Server::reload(Settings settings, std::function<void(Result<std::vector<std::string>>)> done)
{
    reloads_.push_back(std::make_unique<ServerReload>(*this, std::move(settings), std::move(done)));
    if (reloads_.size() == 1)
        begin_reload();
}

void Server::begin_reload()
{
    reloads_.front()->begin([this] {
        reloads_.pop_front();
        if (!reloads_.empty())
            begin_reload();
    });
}

void Server::serve(std::unique_ptr<VirtualHost> host)
{
    hosts_.push_back(std::move(host));
}

std::unique_ptr<VirtualHost> Server::stop_serving(VirtualHost& host)
{
    const auto at = std::ranges::find(hosts_, &host, &std::unique_ptr<VirtualHost>::get);
    auto taken = std::move(*at);
    hosts_.erase(at);
    return taken;
}

HostDeparture& Server::part_from(std::unique_ptr<VirtualHost> host)
{
    std::erase_if(departures_, [](const auto& one) { return one->is_over(); });
    departures_.push_back(std::make_unique<HostDeparture>(*this, std::move(host)));
    return *departures_.back();
}

void Server::take_settings(std::shared_ptr<const Settings> settings)
{
    on_every_loop([this, settings](KernelLoop& loop) { settings_[loop.index()] = settings; }, {});
}

void Server::settle()
{
    for (bool active = true; active;) {
        active = main_loop_->run_ready();
        for (auto& loop : loops_)
            active = loop->run_ready() || active;
        workers_->drain();
        lanes_.drain();
        active = main_loop_->run_ready() || active;
        for (auto& loop : loops_)
            active = loop->run_ready() || active;
    }
}

void Server::advance(Duration by)
{
    settle();
    main_loop_->advance(by);
    for (auto& loop : loops_)
        loop->advance(by);
    settle();
}

bool Server::wait_for_mail(std::chrono::nanoseconds most)
{
    bool all_asleep = main_loop_->fall_asleep(bell_);
    for (auto& loop : loops_)
        all_asleep = loop->fall_asleep(bell_) && all_asleep;
    const bool has_come = !all_asleep || bell_.wait(most);
    main_loop_->wake_up();
    for (auto& loop : loops_)
        loop->wake_up();
    return has_come;
}

}
