// RFC 6121 §8.5: what a server does with a stanza for one of its accounts, as one table.
#include "detached.h"
#include "router.h"
#include "server.h"
#include "session.h"
#include "shard.h"
#include "trace.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>

namespace nuncio::kernel {

namespace {

    /// What becomes of a message.
    enum class Act {
        deliver, ///< to the resource it names
        top, ///< to all resources that share the highest priority, none of them negative
        all, ///< to every resource with non-negative priority
        store, ///< MessageUndelivered: offline storage or an error
        bounce, ///< service-unavailable
        ignore,
        as_bare, ///< as if it had been sent to the bare JID
    };

    /// How the destination stands. "Available" means a resource with non-negative priority.
    enum Situation { full_match, bare_available, bare_unavailable, full_no_match };

    // RFC 6121 §8.5.4, table 1. Where it lets us choose between an error and silence, a sender who
    // waits for an answer gets the error.
    constexpr Act rules[][5] = {
        //                   normal       chat          groupchat    headline     error
        /* full_match */ { Act::deliver, Act::deliver, Act::deliver, Act::deliver, Act::deliver },
        /* bare_available */ { Act::top, Act::top, Act::bounce, Act::all, Act::ignore },
        /* bare_unavailable */ { Act::store, Act::store, Act::bounce, Act::ignore, Act::ignore },
        /* full_no_match */ { Act::bounce, Act::as_bare, Act::bounce, Act::ignore, Act::ignore },
    };

    std::size_t column(Stanza::Type type)
    {
        switch (type) {
        case Stanza::Type::chat:
            return 1;
        case Stanza::Type::groupchat:
            return 2;
        case Stanza::Type::headline:
            return 3;
        case Stanza::Type::error:
            return 4;
        default:
            return 0;
        }
    }

    /// The highest priority among the available resources, or nothing when none is non-negative.
    std::optional<int> top_priority(std::span<Session* const> sessions)
    {
        std::optional<int> top;
        for (const Session* session : sessions)
            if (session->is_available() && session->priority() >= 0)
                top = std::max(top.value_or(0), session->priority());
        return top;
    }

    bool concerns_subscription(Stanza::Type type)
    {
        using enum Stanza::Type;
        return type == subscribe || type == subscribed || type == unsubscribe
            || type == unsubscribed || type == probe;
    }

    /// RFC 6121 §8.5.1: a request to nobody is answered service-unavailable, whatever the handlers
    /// would say. When it cannot be found out, they decide.
    Detached answer_for_absent(VirtualHost& host, Stanza request, AccountRef account)
    {
        bool is_nobody = false;
        try {
            const auto exists
                = co_await host.accounts().exists(std::string(account->jid().local()));
            is_nobody = exists && !*exists;
        } catch (const std::exception& thrown) {
            host.server().log().error(
                "it is not known whether there is {}: {}", account->jid(), thrown.what());
        }
        if (is_nobody)
            host.server().router().bounce(request, StanzaError::Condition::service_unavailable);
        else
            LocalRouter(host).handle_iq(Component::sm, std::move(request), &*account);
    }

    std::atomic<std::uint64_t> last_session_id = 0;

}

Result<ClientSession*> SessionManager::open(std::string_view user, std::string_view resource,
    SessionStream& stream, const Function<void(ClientSession&)>& enabled)
{
    Server& server = host_.server();
    const std::string made_up = resource.empty() ? host_.random_id() : std::string();
    auto jid = Jid::make(user, host_.domain(), resource.empty() ? made_up : resource);
    if (!jid)
        return jid.error();
    const AccountRef held = host_.account(jid->view().bare());
    auto& account = static_cast<AccountObject&>(*held);

    if (Session* older = account.find_session(jid->resource())) {
        // RFC 6120 §7.7.2.2: the newer one wins; whoever reconnects after a lost link is served.
        auto& replaced = static_cast<ClientSession&>(*older);
        replaced.close({ StreamError::Condition::conflict, "replaced by a new connection" });
        replaced.end();
    }
    const auto limit = server.settings().limits.sessions_per_account;
    if (account.sessions_.size() >= limit)
        return Error { "the account has " + std::to_string(limit)
                + " sessions, the most it may have",
            Error::Kind::limit };

    const auto id = last_session_id.fetch_add(1, std::memory_order_relaxed) + 1;
    account.owned_.push_back(std::make_unique<ClientSession>(account, std::move(*jid), stream, id));
    ClientSession& session = *account.owned_.back();
    account.sessions_.push_back(&session);
    host_.sessions_.fetch_add(1, std::memory_order_relaxed);
    if (enabled)
        enabled(session);
    SessionOpened event { session };
    run_chain(host_.table().session_opened, &event);
    return &session;
}

void SessionManager::deliver(Stanza&& stanza, const std::optional<TakenBy>& taken)
{
    auto* account = static_cast<AccountObject*>(host_.find_account(stanza.to()));
    if (account && account->waiting_line()) [[unlikely]] {
        const auto limit = host_.server().settings().limits.held_bytes.count;
        switch (account->waiting_line()->take(stanza, taken, limit)) {
        case WaitingLine::Place::none:
            break;
        case WaitingLine::Place::taken:
            return;
        case WaitingLine::Place::full:
            return host_.server().router().bounce(
                stanza, StanzaError::Condition::resource_constraint);
        }
    }
    const RouteTable& table = host_.table();
    if (table.is_pausing && host_.must_wait(table.stanza_delivering, stanza.to().bare_text()))
        [[unlikely]]
        return hold_at_the_door(std::move(stanza), taken);
    AccountRef held;
    if (!table.stanza_delivering.empty()) {
        if (!account)
            account = static_cast<AccountObject*>(&*(held = host_.account(stanza.to())));
        StanzaDelivering event { *account, stanza };
        const TracedHooks traced(host_.server(), StanzaDelivering::hook, stanza);
        const Flow flow = taken ? run_chain_after(table.stanza_delivering, &event, *taken)
                                : run_chain(table.stanza_delivering, &event);
        if (flow == Flow::done)
            return;
    }
    go_on(account, std::move(stanza));
}

void SessionManager::hold_at_the_door(Stanza stanza, std::optional<TakenBy> taken)
{
    const Jid about(stanza.to().bare());
    host_.hold(about.text(), [&host = host_, taken, held = std::move(stanza)]() mutable {
        SessionManager(host).deliver(std::move(held), taken);
    });
}

void SessionManager::hold_behind_it(Stanza stanza)
{
    const Jid about(stanza.to().bare());
    host_.hold(about.text(), [&host = host_, held = std::move(stanza)]() mutable {
        SessionManager(host).go_on(
            static_cast<AccountObject*>(host.find_account(held.to())), std::move(held));
    });
}

void SessionManager::go_on(AccountObject* account, Stanza&& stanza)
{
    const JidView to = stanza.to();
    auto* session = account && to.is_full()
        ? static_cast<ClientSession*>(account->find_session(to.resource()))
        : nullptr;
    switch (stanza.kind()) {
    case Stanza::Kind::message:
        return deliver_message(account, session, std::move(stanza));
    case Stanza::Kind::presence:
        return deliver_presence(account, session, std::move(stanza));
    case Stanza::Kind::iq:
        return deliver_iq(account, session, std::move(stanza));
    }
}

void SessionManager::deliver_message(
    AccountObject* account, ClientSession* session, Stanza&& stanza)
{
    const auto top = account ? top_priority(account->sessions()) : std::nullopt;
    const Situation bare = top ? bare_available : bare_unavailable;
    const Situation situation = session ? full_match : stanza.to().is_full() ? full_no_match : bare;
    Act act = rules[situation][column(stanza.type())];
    if (act == Act::as_bare)
        act = rules[bare][column(stanza.type())];

    switch (act) {
    case Act::deliver:
        return session->send(stanza);
    case Act::top:
    case Act::all:
        for (Session* each : account->sessions())
            if (each->is_available() && each->priority() >= (act == Act::top ? *top : 0))
                each->send(stanza);
        return;
    case Act::store: {
        const HookChain& chain = host_.table().message_undelivered;
        if (host_.must_wait(chain, stanza.to().bare_text()))
            return hold_behind_it(std::move(stanza));
        const AccountRef held = host_.account(stanza.to());
        MessageUndelivered event { *held, stanza };
        trace(host_.server(), stanza, "nobody is online to take it");
        const TracedHooks traced(host_.server(), MessageUndelivered::hook, stanza);
        if (run_chain(chain, &event) == Flow::done)
            return;
        break;
    }
    case Act::ignore:
        trace(host_.server(), stanza, "dropped: nobody is online to take it");
        return;
    case Act::bounce:
    case Act::as_bare:
        break;
    }
    host_.server().router().bounce(stanza, StanzaError::Condition::service_unavailable);
}

void SessionManager::deliver_presence(
    AccountObject* account, ClientSession* session, Stanza&& stanza)
{
    if (!concerns_subscription(stanza.type())) {
        // §8.5.3: to the resource it names, or to nobody; §8.5.2.1.2: to all that are available.
        if (session)
            session->send(stanza);
        else if (account && stanza.to().is_bare())
            for (Session* each : account->sessions())
                if (each->is_available())
                    each->send(stanza);
        return;
    }
    // §3.1.3: subscriptions and probes concern the account, however they were addressed.
    const HookChain& chain = host_.table().presence_arrived;
    if (host_.must_wait(chain, stanza.to().bare_text()))
        return hold_behind_it(std::move(stanza));
    const AccountRef held = account ? AccountRef(*account) : host_.account(stanza.to());
    PresenceArrived event { *held, stanza };
    const TracedHooks traced(host_.server(), PresenceArrived::hook, stanza);
    if (run_chain(chain, &event) == Flow::done)
        return;
    if (stanza.type() == Stanza::Type::probe)
        return;
    for (Session* each : held->sessions())
        if (each->is_available())
            each->send(stanza);
}

void SessionManager::deliver_iq(AccountObject* account, ClientSession* session, Stanza&& stanza)
{
    if (session)
        return session->send(stanza);
    if (!stanza.is_request())
        // §8.5.3.2.3: an answer that comes too late is nobody's.
        return trace(host_.server(), stanza, "dropped: an answer for a session that is gone");
    if (stanza.to().is_full())
        return host_.server().router().bounce(stanza, StanzaError::Condition::service_unavailable);
    AccountRef held = account ? AccountRef(*account) : host_.account(stanza.to());
    if (held->sessions().empty())
        answer_for_absent(host_, std::move(stanza), std::move(held));
    else
        LocalRouter(host_).handle_iq(Component::sm, std::move(stanza), &*held);
}

void SessionManager::deliver_to(const std::shared_ptr<const Stanza>& shared, JidView to)
{
    // The common case of a fan-out, presence that nobody hooks, is written
    // straight from the shared content; everything else takes the ordinary path with a copy.
    const RouteTable& table = host_.table();
    if (shared->is_presence() && !concerns_subscription(shared->type())
        && table.stanza_delivering.empty() && !(table.is_pausing && host_.holds(to.bare_text()))) {
        auto* account = static_cast<AccountObject*>(host_.find_account(to));
        if (!account)
            return;
        if (!account->waiting_line()) [[likely]] {
            for (Session* each : account->sessions())
                if (to.is_full() ? each->jid() == to : each->is_available())
                    each->send_to(*shared, to);
            return;
        }
    }
    Stanza copy = *shared;
    copy.set_to(to);
    deliver(std::move(copy));
}

}
