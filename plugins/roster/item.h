// One contact: as it is stored, as clients see it, and as they may change it.
#pragma once

#include <nuncio/roster.h>
#include <nuncio/stanza.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace nuncio::roster {

/// The bounds of RFC 6121 §2.3.3, which leaves them to the server.
struct Limits {
    std::uint32_t items = 2000; ///< contacts of one account
    std::uint32_t requests = 500; ///< unanswered requests from people who are no contacts
    std::uint32_t groups = 32; ///< of one contact
    std::uint32_t name_bytes = 1023; ///< of a contact's or a group's name
};

/// JSON, without the address, which is the key.
std::string to_text(const RosterItem& item);
Result<RosterItem> read_item(std::string_view address, std::string_view text);

/// Whether there is anything to remember about the contact.
bool says_something(const RosterItem& item);
/// Whether clients would see the two as one.
bool look_equal(const RosterItem& a, const RosterItem& b);

/// Appends the `<item/>` that clients see; of one that is not listed, its removal.
void append_item(Element& query, const RosterItem& item);

/// What a client asks for: RFC 6121 §2.3, §2.5.
struct Change {
    Jid jid;
    bool removes = false;
    std::string name {};
    std::vector<std::string> groups {};
};
std::variant<Change, StanzaError> read_change(ElementRef query, const Limits& limits);

}
