// What a handler is called for, and what it decided.
#pragma once

#include <nuncio/event.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::lua {

/// The bends where scripts may stand.
enum class Point {
    in, ///< a stanza from a client of the host, before anything else is done with it
    routed, ///< any stanza on its way to the host, or from it to elsewhere
    delivered, ///< a stanza about to be delivered to an account of the host
    session_open,
    session_close,
    login,
    registration,
};
inline constexpr std::size_t point_count = 7;
constexpr bool has_stanza(Point point)
{
    return point <= Point::delivered;
}

/// Which stanzas a handler wants, as bits.
enum : std::uint8_t { wants_message = 1, wants_presence = 2, wants_iq = 4, wants_subscription = 8 };

/// `message.in`, `session.open`, …
struct EventName {
    Point point;
    std::uint8_t wants;
};
std::optional<EventName> read_event(std::string_view name);
std::string event_name(Point point, std::uint8_t wants);
/// All names, for messages.
std::string known_events();

/// What an event is about, besides its stanza. Views live as long as the event.
struct Subject {
    Point point = Point::in;
    const Stanza* stanza = nullptr;
    std::string_view jid {}; ///< of the session, or of the account that is to be
    std::string_view user {}; ///< at a login: as claimed
    std::string_view address {}; ///< of the peer
    std::string_view mechanism {};
    bool is_encrypted = false;
    ElementRef form {}; ///< at a registration: what the client sent
};

struct Verdict {
    enum class Kind {
        pass,
        drop,
        bounce, ///< with `error`; at a login or registration: refuse
        reply, ///< `stanza` to the sender, in place of its own
        redirect, ///< on its way to `to` instead
    };
    Kind kind = Kind::pass;
    StanzaError error {};
    Stanza stanza {};
    Jid to {};
    std::string reason {}; ///< for the log and for `lua try`
};
std::string_view to_string(Verdict::Kind kind);

}
