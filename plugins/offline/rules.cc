#include "rules.h"

namespace nuncio::offline {

namespace {

    constexpr std::string_view ns_hints = "urn:xmpp:hints";
    constexpr std::string_view ns_chat_states = "http://jabber.org/protocol/chatstates";
    constexpr std::string_view ns_delay = "urn:xmpp:delay";

    /// Something besides a chat state and the thread it belongs to.
    bool says_anything(const Stanza& message)
    {
        for (ElementRef child : message.element().ref())
            if (child.ns() != ns_chat_states && child.ns() != ns_hints && child.name() != "thread")
                return true;
        return false;
    }

}

Fate fate_of(const Stanza& message)
{
    if (message.type() != Stanza::Type::chat && message.type() != Stanza::Type::normal
        && message.type() != Stanza::Type::none)
        return Fate::bounce;
    // XEP-0334 §4.3. `no-permanent-store` is about archives; this store is not permanent.
    if (message.child("no-store", ns_hints))
        return message.child("body") ? Fate::bounce : Fate::drop;
    if (message.child("store", ns_hints))
        return Fate::keep;
    return says_anything(message) ? Fate::keep : Fate::drop;
}

void stamp(Stanza& message, JidView host, WallTime now)
{
    Element& element = message.element();
    for (ElementRef child = element.first_child(); child;) {
        const ElementRef next = child.next();
        if (child.is("delay", ns_delay) && child.attr("from") == host.text())
            element.remove_child(child);
        child = next;
    }
    element.add("delay", ns_delay).attr("from", host.text()).attr("stamp", utc_text(now));
}

}
