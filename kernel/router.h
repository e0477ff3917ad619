// Where a stanza goes (RFC 6120 §10, RFC 6121 §8): by its destination's domain.
#pragma once

#include "route_table.h"

#include <nuncio/stanza.h>

#include <memory>

namespace nuncio::kernel {

class Server;
class VirtualHost;
struct WaitingStanza;

/// Who answers for a domain.
struct DomainTarget {
    VirtualHost* host = nullptr; ///< that is served, or whose plugin owns the domain
    bool is_plugins = false; ///< the host's table says which plugin's
};

/// Immutable; swapped on every loop when hosts or plugins' domains change.
struct DomainTable {
    TextMap<DomainTarget> domains;
};

class Router {
public:
    explicit Router(Server& server);
    ~Router();
    /// Before anything is routed: how many loops carry homes.
    void set_loops(std::size_t count);

    /// From any loop or worker thread. `to` and `from` are set. Carries the stanza to the home loop
    /// of `to` and hands it to the local router, the session manager, a plugin, or the s2s manager.
    /// Routing from inside a handler is safe: it happens after the handler has returned.
    void route(Stanza&& stanza);
    /// The same content to several addresses.
    void fan_out(Stanza stanza, std::vector<Jid> to);
    /// Stanzas for one account that had to wait on this loop, its home, in order; nothing that is
    /// routed meanwhile comes between them. Not from inside a handler.
    void resume(std::vector<WaitingStanza> waited);
    /// Answers with an error, unless the stanza is one or is nothing that may be answered.
    void bounce(const Stanza& stanza, StanzaError::Condition condition);

    /// The loop where `entity` (its bare form) lives.
    std::size_t home_index(JidView entity) const;

    /// Stanzas that crossed a mailbox, for the benchmarks.
    std::uint64_t hops() const;

private:
    friend struct StanzaMail;
    friend struct FanOutMail;
    struct Lane;
    struct Work;
    void handle_mail(Work&& work, std::size_t stanzas);
    void handle(Lane& lane, Work&& work);
    void handle_waiting(Lane& lane);
    void handle_one(Work&& work);
    void arrive(Stanza&& stanza);
    void arrive_again(Stanza&& stanza, const TakenBy& taken);
    void arrive_at_plugin(VirtualHost& host, Stanza&& stanza);

    Server& server_;
    std::size_t home_count_ = 1;
    std::vector<std::unique_ptr<Lane>> lanes_; // one per loop, the main loop's last
};

/// S51: stanzas for a host's own JID: iq by namespace, the rest dropped or hooked.
class LocalRouter {
public:
    explicit LocalRouter(VirtualHost& host)
        : host_(host)
    {
    }
    void deliver(Stanza&& stanza);
    /// An iq request for one of the two components; answers it in every case.
    void handle_iq(Component component, Stanza&& stanza, Account* account);

private:
    void hold(Stanza& stanza, Function<void(Stanza)> go_on);

    VirtualHost& host_;
};

/// S53: the s2s manager. Answers remote-server-not-found until federation is built.
class S2sManager {
public:
    explicit S2sManager(Server& server)
        : server_(server)
    {
    }
    void route(Stanza&& stanza);

private:
    Server& server_;
};

}
