// RFC 6121 §4: who hears of a user's presence, and the stanzas that tell them.
#pragma once

#include <nuncio/host.h>
#include <nuncio/roster.h>
#include <nuncio/snapshot.h>

#include <utility>
#include <vector>

namespace nuncio::presence {

/// Addresses whose owners heard a session's presence directly (§4.6). In a session slot.
class Directed {
public:
    /// False when `limit` addresses are known already and this is another.
    bool add(JidView to, std::size_t limit);
    void remove(JidView to);
    /// All of them, forgotten here.
    std::vector<Jid> take() { return std::exchange(addresses_, {}); }

    // Carried across a reload: without them nobody of these would hear of the end.
    void save(Snapshot& snapshot) const;
    void restore(const Snapshot& snapshot);

private:
    std::vector<Jid> addresses_; // few: searched from the front
};

/// Contacts that see the user's presence (`from`, `both`), bare.
std::vector<Jid> subscribers(const Roster& roster);
/// The same and who heard of the user directly, each once; not the user's own resources, which are
/// told apart from contacts.
std::vector<Jid> with_subscribers(const Roster& roster, JidView self, std::vector<Jid> directed);
/// Contacts whose presence the user sees (`to`, `both`), bare.
std::vector<Jid> subscriptions(const Roster& roster);

/// Presence of `type` from `from` without anything in it.
Stanza presence(JidView from, Stanza::Type type);

/// What an available session said last, for somebody who hears it later: with the time when it was
/// said (XEP-0203). RFC 6121 §4.3.2 asks for the stanza as it came and leaves the stamp to us;
/// Prosody and ejabberd add it, and clients show "away since" by it.
Stanza last_presence(Session& session);

/// Tells `to` where the account's available resources are (§3.1.5, §4.3.2).
void send_availability(Account& account, const Jid& to);
/// Tells `to` that they are gone (§3.2.2, §3.3.3).
void send_unavailability(Account& account, const Jid& to);

/// Ends all that was between the account and the contact of `former` (§2.5.2).
void part(Account& account, const RosterItem& former);

/// Gives a resource that has just come online what it missed: the account's other resources and
/// the requests that wait for an answer (§3.1.3).
void greet(Session& session, const Roster& roster);

}
