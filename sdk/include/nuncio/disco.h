// XEP-0030: what a host says about itself, collected from its plugins.
#pragma once

#include <nuncio/iq.h>
#include <nuncio/stanza.h>
#include <nuncio/task.h>
#include <nuncio/xml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// What something is (XEP-0030 §3.1): a category and a type of its registry.
struct DiscoIdentity {
    std::string category; ///< "server"
    std::string type; ///< "im"
    std::string name {};
    std::string lang {};
};

/// Something that belongs to an address (XEP-0030 §4).
struct DiscoItem {
    std::string jid;
    std::string name {};
    std::string node {};
};

/// What one address answers. Immutable once published; sorted by the order of registration.
struct Directory {
    std::vector<DiscoIdentity> identities;
    std::vector<std::string> features; ///< without repeats
    std::vector<DiscoItem> items;
    std::vector<Element> forms; ///< XEP-0128 extended information
};

inline constexpr std::string_view ns_disco_info = "http://jabber.org/protocol/disco#info";
inline constexpr std::string_view ns_disco_items = "http://jabber.org/protocol/disco#items";

class Account;

/// Somebody who may know asks what an account is: handlers change what is told of this one. Emitted
/// by the plugin that answers service discovery. The account's home loop.
struct AccountDescribed {
    static constexpr std::string_view hook = "account.described";
    Account& account;
    Directory& directory; ///< as all accounts of the host have it
};

/// Somebody asks about a node of the server's JID or of an account (XEP-0030 §3.2, §4.2): who has
/// that node sets `answer` and resolves it once. Nobody: item-not-found. Emitted by the plugin that
/// answers service discovery, where the request is handled; of accounts only when the asker may
/// know of them.
struct NodeAsked {
    static constexpr std::string_view hook = "disco.node";
    const Iq& request; ///< a get of ns_disco_info or ns_disco_items; ends with the handler
    Component component = Component::local;
    std::string_view node;
    std::optional<Completion<IqReply>> answer {};
    /// Whether it is asked what the node is, not what is below it.
    bool is_about_info() const { return request.payload().ns() == ns_disco_info; }
};

/// The `<query/>` elements that tell a directory; `node` is repeated from the request.
NUNCIO_API Element disco_info(const Directory& directory, std::string_view node = {});
NUNCIO_API Element disco_items(const Directory& directory, std::string_view node = {});

/// The answer to a service discovery request without nodes; nothing when `stanza` is none.
NUNCIO_API std::optional<Stanza> answer_disco(const Stanza& stanza, const Directory& directory);

}
