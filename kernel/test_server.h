// A server inside a test: manual clock, no threads, a log that can be read.
#pragma once

#include "context.h"
#include "generation.h"
#include "log_sink.h"
#include "plugin_host.h"
#include "pool_backlog.h"
#include "server.h"
#include "virtual_host.h"

#include <nuncio/note.h>
#include <nuncio/temporary_folder.h>

#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::test {

class LogLines final : public LogSink {
public:
    void write(Log::Level, std::string_view area, std::string_view line) override
    {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::string(area) + ": " + std::string(line));
    }
    bool is_enabled(Log::Level) const override { return true; }
    void set_level(Log::Level) override { }
    Result<void> reopen() override { return {}; }
    void flush() override { }

    bool has(std::string_view text) const
    {
        const std::lock_guard lock(mutex_);
        for (const std::string& line : lines_)
            if (line.find(text) != line.npos)
                return true;
        return false;
    }
    std::string all() const
    {
        const std::lock_guard lock(mutex_);
        std::string text;
        for (const std::string& line : lines_)
            text += line + '\n';
        return text;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

using testkit::TemporaryFolder;

inline bool mentions(std::string_view text, std::string_view part)
{
    return text.find(part) != text.npos;
}

/// A sanitizer keeps what was mapped once.
inline constexpr bool is_sanitized = NUNCIO_DETAIL_HAS_ASAN || NUNCIO_DETAIL_HAS_TSAN;

/// Copies of the plugin that the process has mapped now.
inline int mapped(std::string_view name)
{
    std::ifstream maps("/proc/self/maps");
    int count = 0;
    for (std::string line; std::getline(maps, line);)
        if (line.find('/' + std::string(name) + '-') != line.npos && line.find("r-xp") != line.npos)
            ++count;
    return count;
}

/// Two hosts on two loops; `plugins` are enabled on the first one.
class TestServer {
public:
    explicit TestServer(const std::vector<std::string>& plugins,
        const std::vector<std::string>& path = { NUNCIO_TEST_PLUGINS },
        const std::function<void(Settings&)>& before_start = {})
    {
        Settings settings;
        settings.loops = 2;
        settings.workers = 2;
        settings.data_dir = folder_.path();
        settings.plugin_path = path;
        for (const char* domain : { "a.example", "b.example" }) {
            HostSettings host;
            host.domain = domain;
            host.auth.clear();
            settings.hosts.push_back(std::move(host));
        }
        for (const std::string& name : plugins)
            settings.hosts.front().plugins[name] = Value(Value::Table());
        if (before_start)
            before_start(settings);
        server_.emplace(std::move(settings), logs_, Server::Options { ClockKind::manual, false });
        started_ = server_->start();
        server_->settle();
    }
    ~TestServer()
    {
        server_->plugins().stop_all({});
        server_->settle();
    }

    Server& operator*() { return *server_; }
    Server* operator->() { return &*server_; }
    LogLines& logs() { return logs_; }
    const Result<void>& started() const { return started_; }
    VirtualHost& host(std::string_view domain = "a.example") { return *server_->find_host(domain); }

    /// Runs `call(done)` to its end on the main loop; the error's text, or empty.
    template <class Call>
    std::string outcome(Call call)
    {
        std::optional<std::string> answer;
        call([&answer](
                 Result<void> result) { answer = result ? std::string() : result.error().text; });
        for (int i = 0; i < 4000 && !answer; ++i)
            server_->advance(10ms);
        return answer ? *answer : "no answer";
    }
    std::string load(const std::string& name, const std::string& domain = {})
    {
        return outcome([&](auto done) { server_->plugins().load(name, domain, done); });
    }
    std::string unload(const std::string& name, const std::string& domain = {},
        Dependents dependents = Dependents::refuse)
    {
        return outcome(
            [&](auto done) { server_->plugins().unload(name, domain, dependents, done); });
    }
    std::string reload(const std::string& name, PluginHost::ReloadOptions options = {})
    {
        return outcome([&](auto done) {
            server_->plugins().reload(name, options,
                [done](Result<Value> report) { done(report ? Result<void>() : report.error()); });
        });
    }

    /// Puts instances made by hand on a host; `own` registers into the last one.
    PluginInstance& put_instance(
        const std::string& domain, const std::function<void(PluginInstance&)>& own)
    {
        // Every instance has code somewhere; this one's is never called.
        if (!generation_) {
            (void)prepare_plugin_folder(folder_.path() + "/by-hand");
            generation_ = *Generation::open(
                NUNCIO_TEST_PLUGINS "/thrower.so", folder_.path() + "/by-hand", server_->log());
        }
        auto instance = std::make_shared<PluginInstance>("hand-made", host(domain), generation_);
        instance->make_parts(pool(), {}, logs_.log("plugin.hand-made"));
        own(*instance);
        auto instances = host(domain).published()->instances;
        instances.push_back(instance);
        host(domain).publish(RouteTable::build(std::move(instances)), {});
        server_->publish_domains({});
        server_->settle();
        return *instance;
    }
    PoolBacklog& pool()
    {
        if (!pool_)
            pool_.emplace(server_->workers(), server_->main_loop());
        return *pool_;
    }
    /// From now on stanzas for the domain "sink.example" are kept here.
    std::vector<Stanza>& open_sink()
    {
        put_instance("b.example", [this](PluginInstance& instance) {
            instance.registrations().domains.push_back({ "sink.example", {},
                [this](Stanza stanza) { sunk_.push_back(std::move(stanza)); } });
        });
        return sunk_;
    }
    /// An iq get with one empty payload, from somebody at the sink.
    void ask(std::string_view ns, std::string_view id, std::string_view from = "u@sink.example/r",
        std::string_view to = "a.example")
    {
        Stanza request(Stanza::Kind::iq, Stanza::Type::get);
        request.set_id(id).set_from(*Jid::parse(from)).set_to(*Jid::parse(to));
        request.element().add("query", ns);
        server_->loop(0).post([this, request = std::move(request)]() mutable {
            server_->router().route(std::move(request));
        });
    }

private:
    TemporaryFolder folder_;
    LogLines logs_;
    std::vector<Stanza> sunk_;
    std::optional<Server> server_;
    std::shared_ptr<Generation> generation_;
    std::optional<PoolBacklog> pool_;
    Result<void> started_;
};

}
