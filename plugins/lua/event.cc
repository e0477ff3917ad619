#include "event.h"

#include <array>
#include <utility>

namespace nuncio::lua {

namespace {

    constexpr std::array kinds { std::pair<std::string_view, std::uint8_t>(
                                     "stanza", wants_message | wants_presence | wants_iq),
        std::pair<std::string_view, std::uint8_t>("message", wants_message),
        std::pair<std::string_view, std::uint8_t>("presence", wants_presence),
        std::pair<std::string_view, std::uint8_t>("subscription", wants_subscription),
        std::pair<std::string_view, std::uint8_t>("iq", wants_iq) };
    constexpr std::array bends { std::pair<std::string_view, Point>("in", Point::in),
        std::pair<std::string_view, Point>("routed", Point::routed),
        std::pair<std::string_view, Point>("delivered", Point::delivered) };
    constexpr std::array others { std::pair<std::string_view, Point>(
                                      "session.open", Point::session_open),
        std::pair<std::string_view, Point>("session.close", Point::session_close),
        std::pair<std::string_view, Point>("login", Point::login),
        std::pair<std::string_view, Point>("registration", Point::registration) };

}

std::optional<EventName> read_event(std::string_view name)
{
    for (const auto& [other, point] : others)
        if (name == other)
            return EventName { point, 0 };
    const auto dot = name.find('.');
    if (dot == name.npos)
        return {};
    for (const auto& [kind, wants] : kinds)
        for (const auto& [bend, point] : bends)
            if (name.substr(0, dot) == kind && name.substr(dot + 1) == bend)
                return EventName { point, wants };
    return {};
}

std::string event_name(Point point, std::uint8_t wants)
{
    for (const auto& [name, other] : others)
        if (other == point)
            return std::string(name);
    std::string text;
    for (const auto& [kind, bits] : kinds)
        if (bits == wants)
            text = kind;
    for (const auto& [bend, other] : bends)
        if (other == point)
            text += '.' + std::string(bend);
    return text;
}

std::string known_events()
{
    return "stanza, message, presence, subscription or iq, each with .in, .routed or .delivered; "
           "session.open, session.close, login, registration";
}

std::string_view to_string(Verdict::Kind kind)
{
    switch (kind) {
    case Verdict::Kind::pass:
        return "pass";
    case Verdict::Kind::drop:
        return "drop";
    case Verdict::Kind::bounce:
        return "bounce";
    case Verdict::Kind::reply:
        return "reply";
    case Verdict::Kind::redirect:
        return "redirect";
    }
    return {};
}

}
