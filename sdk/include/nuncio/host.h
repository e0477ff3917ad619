// A virtual host at run time: its router, accounts and homes.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/disco.h>
#include <nuncio/event.h>
#include <nuncio/iq.h>
#include <nuncio/loop.h>
#include <nuncio/session.h>
#include <nuncio/stanza.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// Implemented by the kernel; outlives every plugin instance on it.
class NUNCIO_API Host {
public:
    virtual ~Host();

    /// The prepared domain.
    virtual std::string_view domain() const = 0;
    JidView jid() const { return jid_; }

    /// Sends a stanza on its way: `to` and `from` must be set. Any loop or worker thread. Stanzas
    /// from one thread to one address arrive in order.
    virtual void route(Stanza stanza) = 0;
    /// The same stanza to many; content is shared, not copied.
    virtual void fan_out(Stanza stanza, std::vector<Jid> to) = 0;

    /// The loop where everything about this entity happens: by hash of the bare JID.
    virtual Loop& home(JidView entity) = 0;
    /// Runs `job` on the home loop of a local bare JID, with its account; at once when already
    /// there.
    virtual void at_home(JidView bare, Function<void(Account&)> job) = 0;
    /// The account of a local bare JID, made when there is none in memory. It says nothing about
    /// whether such a user exists: ask accounts(). Home loop only.
    virtual AccountRef account(JidView bare) = 0;
    /// The account if it is in memory. Home loop only.
    virtual Account* find_account(JidView bare) = 0;

    /// Who exists, and passwords: the host's chain of backends. Loops only; outlives the plugin.
    virtual Accounts& accounts() = 0;

    /// What disco answers for the server's JID (`local`) or a user's bare JID (`sm`).
    virtual std::shared_ptr<const Directory> directory(Component component) = 0;

    /// 128 random bits as text, for ids and nonces.
    virtual std::string random_id() = 0;

    /// The loops that carry streams, by Loop::index().
    virtual std::size_t loop_count() const = 0;
    virtual Loop& loop(std::size_t index) = 0;

protected:
    JidView jid_;
};

}
