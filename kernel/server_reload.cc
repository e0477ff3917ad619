// The steps of a reload, each of which calls the next.
#include "server_reload.h"

#include "c2s.h"
#include "changed_by_hand.h"
#include "config_plan.h"
#include "host_departure.h"
#include "load_certificates.h"
#include "plugin_host.h"
#include "plugin_watch.h"
#include "server.h"
#include "virtual_host.h"
#include "watchdog.h"

#include <algorithm>
#include <utility>

namespace nuncio::kernel {

namespace {

    /// For commands and streams that are still under way on a host after its plugins have ended.
    constexpr Duration departure_patience = 10s;

    const HostSettings* find(const Settings& settings, std::string_view domain)
    {
        const auto found = std::ranges::find(settings.hosts, domain, &HostSettings::domain);
        return found == settings.hosts.end() ? nullptr : &*found;
    }

    /// What the running process was built on stays until it ends, for those who ask for it later.
    void keep_until_restart(Settings& next, const Settings& now)
    {
        next.loops = now.loops;
        next.workers = now.workers;
        next.user = now.user;
        next.data_dir = now.data_dir;
        next.runtime_dir = now.runtime_dir;
        next.ctl_socket = now.ctl_socket;
        next.plugin_path = now.plugin_path;
    }

}

ServerReload::ServerReload(Server& server, Settings settings, Done done)
    : server_(server)
    , settings_(std::make_shared<Settings>(std::move(settings)))
    , done_(std::move(done))
{
}

ServerReload::~ServerReload() = default;

void ServerReload::begin(std::function<void()> ended)
{
    ended_ = std::move(ended);
    if (auto prepared = prepare(); !prepared)
        return give_up(prepared.error());
    if (coming_.empty())
        return change_over();
    std::vector<VirtualHost*> hosts;
    for (const auto& host : coming_)
        hosts.push_back(host.get());
    server_.plugins().start(hosts, [this](const Result<void>& started) {
        if (started)
            change_over();
        else
            give_up(started.error());
    });
}

Result<void> ServerReload::prepare()
{
    keep_until_restart(*settings_, server_.settings());
    waiting_ = hold_back(server_.settings().written, settings_->written);
    auto tls = load_certificates(*settings_);
    if (!tls)
        return tls.error();
    tls_ = std::move(*tls);
    if (auto made = make_hosts(); !made)
        return made;
    if (!server_.options().threads)
        return {}; // in-process: nobody listens
    auto listen = server_.c2s().prepare_listen(settings_->listen);
    if (!listen)
        return listen.error();
    listen_ = std::move(*listen);
    return {};
}

Result<void> ServerReload::make_hosts()
{
    for (const HostSettings& wanted : settings_->hosts) {
        if (server_.find_host(wanted.domain))
            continue;
        for (const auto& host : server_.hosts())
            if (const auto at = host->published()->domains.find(wanted.domain);
                at != host->published()->domains.end())
                return Error { "the new host " + wanted.domain + " is a domain of the plugin "
                        + at->second.instance->name() + " on " + std::string(host->domain())
                        + ": unload that first",
                    Error::Kind::conflict };
        // They might write to the very files that the new ones would open.
        if (std::ranges::any_of(server_.departures(), [&](const auto& departure) {
                return !departure->is_over() && departure->has_plugins()
                    && departure->host().domain() == wanted.domain;
            }))
            return Error { "the host " + wanted.domain
                    + " was taken out, and its plugins still have something under way: try again "
                      "when `nuncioctl status` does not list it as \"ending\" any more",
                Error::Kind::unavailable };
        coming_.push_back(std::make_unique<VirtualHost>(server_, wanted));
    }
    return {};
}

/// Nobody has seen anything yet; but plugins that were started may have left something under way.
void ServerReload::give_up(const Error& error)
{
    if (coming_.empty())
        return finish(error);
    auto host = std::move(coming_.back());
    coming_.pop_back();
    const bool is_pinned = server_.plugins().is_ending_on(*host);
    HostDeparture& departure = server_.part_from(std::move(host));
    if (!is_pinned)
        departure.plugins_have_ended();
    departure.wait(departure_patience, [this, error] { give_up(error); });
}

void ServerReload::change_over()
{
    const auto is_gone
        = [this](const auto& host) { return find(*settings_, host->domain()) == nullptr; };
    for (const auto& host : server_.hosts())
        if (is_gone(host))
            going_.emplace_back(host->domain());
    if (listen_)
        listen_();
    server_.c2s().set_tls(tls_);
    server_.watchdog().configure(settings_->watchdog);
    server_.take_settings(settings_);
    for (const std::string& option : waiting_)
        notes_.push_back(option + " waits for a restart");
    server_.unfinished_ = { std::move(waiting_), {} };
    watch_files();
    for (auto& host : std::exchange(coming_, {})) {
        server_.log().info("the host {} is served from now on", host->domain());
        server_.serve(std::move(host));
    }
    // After the letters with the certificates and the settings.
    server_.publish_domains([this] { end_next_host(); });
}

void ServerReload::watch_files()
{
    if (auto watching = server_.watch_plugins(settings_->watch); !watching)
        notes_.push_back(watching.error().text);
}

void ServerReload::end_next_host()
{
    if (going_.empty())
        return reconfigure_from(0);
    const std::string domain = std::move(going_.back());
    going_.pop_back();
    VirtualHost& host = *server_.find_host(domain); // only reloads take hosts away
    auto departure = std::make_shared<HostDeparture*>(); // shared: by two steps of its end
    server_.plugins().end(
        host,
        [this, &host, departure](std::function<void()> go_on) {
            server_.log().info("the host {} is taken down: {} sessions are told", host.domain(),
                host.session_count());
            *departure = &server_.part_from(server_.stop_serving(host));
            (*departure)->end_streams(std::move(go_on));
        },
        [this, departure](PluginHost::Ending ending) {
            const bool is_pinned = ending == PluginHost::Ending::pinned;
            if (!is_pinned)
                (*departure)->plugins_have_ended();
            (*departure)->wait(is_pinned ? 0s : departure_patience, [this, departure] {
                if (!(*departure)->is_over())
                    note_kept(**departure);
                end_next_host();
            });
        });
}

void ServerReload::note_kept(const HostDeparture& departure)
{
    notes_.push_back("the host " + std::string(departure.host().domain())
        + " is not served any more, but something is still under way on it: `nuncioctl status` "
          "lists it until that ends");
}

/// Those that are new have what they need already, and nothing changes on them.
void ServerReload::reconfigure_from(std::size_t index)
{
    if (index == server_.hosts().size())
        return finish(std::move(notes_));
    VirtualHost& host = *server_.hosts()[index];
    for (const std::string& name : changed_by_hand(host, *find(*settings_, host.domain())).loaded)
        notes_.push_back("the plugin " + name + " is unloaded on " + std::string(host.domain())
            + ": it was loaded at run time, and nothing in the configuration enables it");
    server_.plugins().reconfigure(host, *find(*settings_, host.domain()),
        [this, index, domain = std::string(host.domain())](const Result<void>& changed) {
            if (!changed) {
                notes_.push_back(changed.error().text);
                server_.unfinished_.refused.emplace_back(domain, changed.error().text);
            }
            reconfigure_from(index + 1);
        });
}

void ServerReload::finish(Result<Notes> result)
{
    const Done done = std::exchange(done_, nullptr);
    done(std::move(result));
    server_.main_loop().post(std::exchange(ended_, nullptr));
}

}
