// Where a stanza goes. One hop at the most: to the home loop of its destination.
#include "router.h"

#include "iq_dispatch.h"
#include "log_sink.h"
#include "plugin_task.h"
#include "server.h"
#include "session.h"
#include "stanza_outline.h"
#include "trace.h"
#include "virtual_host.h"

#include <cassert>

namespace nuncio::kernel {

/// One stanza, or one content for several recipients.
struct Router::Work {
    Stanza stanza;
    std::shared_ptr<const Stanza> shared; // shared: by the mails to all loops
    std::vector<Jid> to; ///< of `shared`
    std::optional<TakenBy> taken; ///< its StanzaDelivering has begun
};

/// What one loop has to route, in order. Handlers that route while a stanza is being handled add to
/// the end, so no handler is ever entered from inside another.
struct Router::Lane {
    std::vector<Work> waiting;
    std::size_t next = 0;
    bool is_busy = false;
    std::atomic<std::uint64_t> hops = 0; ///< stanzas that came by mail
};

namespace {

    bool answers_nothing(const Stanza& stanza)
    {
        return stanza.is_error() || (stanza.is_iq() && !stanza.is_request());
    }

}

struct StanzaMail final : Mail {
    StanzaMail(Router& to_router, Stanza carried)
        : router(to_router)
        , stanza(std::move(carried))
    {
    }
    void deliver() override { router.handle_mail({ std::move(stanza), nullptr, {}, {} }, 1); }
    Router& router;
    Stanza stanza;
};

struct FanOutMail final : Mail {
    FanOutMail(
        Router& to_router, std::shared_ptr<const Stanza> carried, std::vector<Jid> recipients)
        : router(to_router)
        , shared(std::move(carried))
        , to(std::move(recipients))
    {
    }
    void deliver() override
    {
        const auto count = to.size();
        router.handle_mail({ {}, std::move(shared), std::move(to), {} }, count);
    }
    Router& router;
    std::shared_ptr<const Stanza> shared;
    std::vector<Jid> to;
};

Router::Router(Server& server)
    : server_(server)
{
}

Router::~Router() = default;

void Router::set_loops(std::size_t count)
{
    home_count_ = count;
    lanes_.clear();
    for (std::size_t i = 0; i <= count; ++i)
        lanes_.push_back(std::make_unique<Lane>());
}

std::size_t Router::home_index(JidView entity) const
{
    return home_count_ == 1 ? 0 : JidHash()(entity.bare_text()) % home_count_;
}

void Router::route(Stanza&& stanza)
{
    KernelLoop* here = KernelLoop::current();
    const JidView to = stanza.to();
    if (here && to.local().empty()) {
        // The server itself has no home: its iq handlers run where the question arises.
        const auto& domains = server_.domains().domains;
        const auto target = domains.find(to.domain());
        if (target != domains.end() && !target->second.is_plugins)
            return handle(*lanes_[here->index()], { std::move(stanza), nullptr, {}, {} });
    }
    const auto home = home_index(to);
    if (here && here->index() == home)
        return handle(*lanes_[home], { std::move(stanza), nullptr, {}, {} });
    server_.loop(home).post(std::make_unique<StanzaMail>(*this, std::move(stanza)));
}

void Router::fan_out(Stanza stanza, std::vector<Jid> to)
{
    if (to.empty())
        return;
    const auto shared = std::make_shared<const Stanza>(std::move(stanza));
    KernelLoop* here = KernelLoop::current();
    if (home_count_ == 1 && here && here->index() == 0)
        return handle(*lanes_[0], { {}, shared, std::move(to), {} });

    std::vector<std::vector<Jid>> by_home(home_count_);
    for (Jid& jid : to)
        by_home[home_index(jid)].push_back(std::move(jid));
    for (std::size_t home = 0; home < home_count_; ++home) {
        if (by_home[home].empty())
            continue;
        if (here && here->index() == home)
            handle(*lanes_[home], { {}, shared, std::move(by_home[home]) });
        else
            server_.loop(home).post(
                std::make_unique<FanOutMail>(*this, shared, std::move(by_home[home])));
    }
}

void Router::handle_mail(Work&& work, std::size_t stanzas)
{
    Lane& lane = *lanes_[KernelLoop::current()->index()];
    lane.hops.fetch_add(stanzas, std::memory_order_relaxed);
    handle(lane, std::move(work));
}

void Router::handle(Lane& lane, Work&& work)
{
    if (lane.is_busy) {
        lane.waiting.push_back(std::move(work));
        return;
    }
    lane.is_busy = true;
    handle_one(std::move(work));
    handle_waiting(lane);
}

void Router::resume(std::vector<WaitingStanza> waited)
{
    Lane& lane = *lanes_[KernelLoop::current()->index()];
    assert(!lane.is_busy);
    lane.is_busy = true;
    for (WaitingStanza& each : waited)
        lane.waiting.push_back({ std::move(each.stanza), nullptr, {}, each.taken });
    handle_waiting(lane);
}

void Router::handle_waiting(Lane& lane)
{
    while (lane.next < lane.waiting.size()) {
        Work next = std::move(lane.waiting[lane.next++]);
        handle_one(std::move(next));
    }
    lane.waiting.clear();
    lane.next = 0;
    // A burst may have grown it; what is kept per loop stays small.
    if (lane.waiting.capacity() > 1024)
        lane.waiting.shrink_to_fit();
    lane.is_busy = false;
}

void Router::handle_one(Work&& work)
{
    if (work.taken) [[unlikely]]
        return arrive_again(std::move(work.stanza), *work.taken);
    if (!work.shared)
        return arrive(std::move(work.stanza));
    for (const Jid& to : work.to) {
        const auto& domains = server_.domains().domains;
        const auto target = domains.find(to.domain());
        if (target != domains.end() && !target->second.is_plugins && !to.local().empty()) {
            SessionManager(*target->second.host).deliver_to(work.shared, to);
            continue;
        }
        Stanza copy = *work.shared;
        copy.set_to(to);
        arrive(std::move(copy));
    }
}

namespace {

    /// What a plugin's domain is and can do was said when it was registered (XEP-0030).
    std::optional<Stanza> answer_for_plugin(const Stanza& stanza, const DomainOptions& options)
    {
        if (!stanza.is_iq() || !stanza.to().is_domain() || options.identities.empty())
            return {};
        Directory directory { options.identities, options.features, {}, {} };
        directory.features.emplace_back(ns_disco_info);
        directory.features.emplace_back(ns_disco_items);
        return answer_disco(stanza, directory);
    }

}

void Router::arrive(Stanza&& stanza)
{
    const auto& domains = server_.domains().domains;
    const auto found = domains.find(stanza.to().domain());
    const auto concerned = found == domains.end() ? domains.find(stanza.from().domain()) : found;
    if (concerned != domains.end()) {
        VirtualHost& host = *concerned->second.host;
        if (const HookChain& chain = host.table().stanza_routing; !chain.empty()) {
            if (host.must_wait(chain, stanza.to().bare_text())) {
                const Jid about(stanza.to().bare());
                return host.hold(about.text(),
                    [this, held = std::move(stanza)]() mutable { arrive(std::move(held)); });
            }
            StanzaRouting event { host, stanza };
            const TracedHooks traced(server_, StanzaRouting::hook, stanza);
            if (run_chain(chain, &event) == Flow::done)
                return;
        }
    }
    if (found == domains.end()) {
        trace(server_, stanza, "its domain is not served here");
        return server_.s2s().route(std::move(stanza));
    }

    const DomainTarget& target = found->second;
    if (target.is_plugins)
        return arrive_at_plugin(*target.host, std::move(stanza));
    if (stanza.to().local().empty())
        return LocalRouter(*target.host).deliver(std::move(stanza));
    SessionManager(*target.host).deliver(std::move(stanza));
}

void Router::arrive_again(Stanza&& stanza, const TakenBy& taken)
{
    // Its host may be gone since.
    if (VirtualHost* const host = server_.find_host(stanza.to().domain()))
        SessionManager(*host).deliver(std::move(stanza), taken);
    else
        arrive(std::move(stanza));
}

void Router::arrive_at_plugin(VirtualHost& host, Stanza&& stanza)
{
    // The host's own table is what switches with its plugins.
    const auto& domains = host.table().domains;
    const auto found = domains.find(stanza.to().domain());
    if (found == domains.end())
        return server_.s2s().route(std::move(stanza));
    const DomainEntry& entry = found->second;
    if (entry.is_paused)
        return host.hold(entry.domain->domain, [this, &host, held = std::move(stanza)]() mutable {
            arrive_at_plugin(host, std::move(held));
        });
    if (Trace::is_on()) [[unlikely]]
        trace_now(server_, stanza, "to the domain of plugin " + entry.instance->name());
    if (auto answer = answer_for_plugin(stanza, entry.domain->options))
        return route(std::move(*answer));
    const StanzaOutline outline(stanza); // the handler gets it for its own
    const InPlugin inside(*entry.instance, entry.domain->meter);
    const Handling handling(outline);
    try {
        entry.domain->handler(std::move(stanza));
    } catch (...) {
        const std::string text = thrown_text();
        server_.log().error("plugin {} threw while handling a stanza for {}: {}",
            entry.instance->name(), entry.domain->domain, text);
    }
}

void Router::bounce(const Stanza& stanza, StanzaError::Condition condition)
{
    if (answers_nothing(stanza) || stanza.from().empty())
        return trace(server_, stanza, "dropped: what cannot be delivered and not be answered");
    if (Trace::is_on()) [[unlikely]]
        trace_now(server_, stanza, "answered with the error " + std::string(to_string(condition)));
    route(stanza.error_reply(StanzaError { condition }));
}

std::uint64_t Router::hops() const
{
    std::uint64_t sum = 0;
    for (const auto& lane : lanes_)
        sum += lane->hops.load(std::memory_order_relaxed);
    return sum;
}

/// Until the plugins that it concerns have handed over.
void LocalRouter::hold(Stanza& stanza, Function<void(Stanza)> go_on)
{
    const Jid about(stanza.to().bare()); // its own: the stanza moves
    host_.hold(about.text(),
        [held = std::move(stanza), go_on = std::move(go_on)]() mutable { go_on(std::move(held)); });
}

void LocalRouter::deliver(Stanza&& stanza)
{
    const bool to_server = stanza.to().is_domain();
    if (stanza.is_iq()) {
        if (!stanza.is_request())
            return; // S51: results and errors are for somebody who asked; the server did not.
        if (!to_server)
            return host_.server().router().bounce(stanza, StanzaError::Condition::item_not_found);
        return handle_iq(Component::local, std::move(stanza), nullptr);
    }
    const HookChain& chain = host_.table().server_stanza;
    if (host_.must_wait(chain, stanza.to().bare_text()))
        return hold(
            stanza, [&host = host_](Stanza held) { LocalRouter(host).deliver(std::move(held)); });
    ServerStanza event { host_, stanza };
    const TracedHooks traced(host_.server(), ServerStanza::hook, stanza);
    run_chain(chain, &event);
}

void LocalRouter::handle_iq(Component component, Stanza&& stanza, Account* account)
{
    const auto& handlers = host_.table().iq[static_cast<std::size_t>(component)];
    const auto entry = handlers.find(stanza.payload().ns());
    if (entry == handlers.end()) {
        // RFC 6120 §8.3.3.19, RFC 6121 §8.5.1: nobody here understands the namespace.
        return host_.server().router().bounce(stanza, StanzaError::Condition::service_unavailable);
    }
    if (entry->second.is_paused)
        return hold(stanza, [&host = host_, component](Stanza held) {
            const AccountRef asked
                = component == Component::sm ? host.account(held.to()) : AccountRef();
            LocalRouter(host).handle_iq(component, std::move(held), asked ? &*asked : nullptr);
        });
    if (Trace::is_on()) [[unlikely]]
        trace_now(host_.server(), stanza,
            "to the iq handler of plugin " + entry->second.instance->name());
    dispatch_iq(
        host_, entry->second, std::move(stanza), account ? AccountRef(*account) : AccountRef());
}

void S2sManager::route(Stanza&& stanza)
{
    // RFC 6120 §10.4. Presence that only informs is not worth an answer; a request for a
    // subscription is.
    if (stanza.is_presence() && stanza.type() != Stanza::Type::subscribe)
        return;
    server_.router().bounce(stanza, StanzaError::Condition::remote_server_not_found);
}

}
