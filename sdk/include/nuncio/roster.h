// RFC 6121 §2: the roster as a service, so that presence, offline and policy need not own it.
#pragma once

#include <nuncio/jid.h>
#include <nuncio/session.h>
#include <nuncio/task.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// One contact. The subscription of RFC 6121 §2.1.2.5 as two flags, and its pending parts
/// (Appendix A).
struct RosterItem {
    Jid jid; ///< bare, or full when the user's client put it so
    std::string name {};
    std::vector<std::string> groups {};
    bool to = false; ///< the user sees the contact's presence
    bool from = false; ///< the contact sees the user's presence
    bool ask = false; ///< "pending out": the user has asked
    bool pending_in = false; ///< the contact has asked; not answered yet
    bool approved = false; ///< pre-approved (RFC 6121 §3.4)
    std::string pending_stanza {}; ///< the contact's request, given again at each login (§3.1.3)

    /// In the roster proper. An item that is only `pending_in` is not shown to clients.
    bool listed = false;
};

/// One account's contacts in memory, in its account slot. Home loop only. Changes go through the
/// service, which stores and pushes them.
struct Roster {
    std::map<std::string, RosterItem, std::less<>> items; ///< by address text
    std::uint64_t version = 0;

    /// The item, or null. `jid` is bare. Valid until the roster changes.
    const RosterItem* find(JidView jid) const
    {
        const auto at = items.find(jid.text());
        return at == items.end() ? nullptr : &at->second;
    }
    /// Whether this contact sees the user's presence.
    bool is_subscribed(JidView contact) const
    {
        const RosterItem* item = find(contact.bare());
        return item && item->from;
    }
};

/// A user removed a contact by a roster set; stored, not pushed yet. The account's home loop. The
/// subscriptions of `former` end with it (RFC 6121 §2.5.2): presence tells the contact.
struct RosterItemRemoved {
    static constexpr std::string_view hook = "roster.item-removed";
    Account& account;
    const RosterItem& former;
};

/// Provided by the roster plugin, used on the account's home loop.
class NUNCIO_API RosterService {
public:
    static constexpr std::string_view interface = "roster/1";
    virtual ~RosterService();

    /// The roster, loaded on first use. Null pointer inside an Error only. Valid while the caller
    /// holds the AccountRef.
    virtual task<Result<const Roster*>> get(AccountRef account) = 0;
    /// The roster if it is in memory already: the hot path of presence.
    virtual const Roster* find(Account& account) = 0;
    /// Applies `change` to the contact's item (a new one if there is none) in one step, stores it,
    /// and pushes it to interested resources when what clients see changed. Answers after the
    /// commit. `committed` is called between commit and push: what RFC 6121 §3 wants clients and
    /// contacts to hear before the push. An item that says nothing afterwards is forgotten.
    virtual task<Result<void>> update(AccountRef account, Jid contact,
        std::function<void(RosterItem&)> change, std::function<void(Account&)> committed = {})
        = 0;
    /// Has asked for the roster (RFC 6121 §2.2), so it hears of its changes.
    virtual bool is_interested(Session& session) = 0;
};

/// Whether `asker` may know what only those are told who see the account's presence: the account
/// itself, and contacts with a subscription. Without a roster, or with one out of reach: nobody
/// else. The account's home loop.
NUNCIO_API task<bool> may_see_presence(RosterService* roster, AccountRef account, Jid asker);

}
