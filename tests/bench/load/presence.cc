#include "presence.h"

#include "clock.h"

#include <charconv>

namespace nuncio::bench {

void Presence::prepare(Fleet& fleet)
{
    auto& sessions = fleet.sessions();
    if (sessions.size() <= options_.subscribers)
        throw SetupError("presence needs more users than subscribers");
    for (auto& session : sessions) {
        members_.push_back({ .place = static_cast<std::uint32_t>(members_.size()),
            .session = session.get(),
            .presence = NumberedStanza(
                "<presence><show>away</show><status>" + token_, "</status></presence>"),
            .subscribed = std::vector<bool>(options_.subscribers),
            .arriving = std::vector<SequenceCheck>(options_.subscribers) });
        session->context = &members_.back();
    }

    // The rosters say which subscriptions an earlier run has made.
    const auto deadline = now_ns() + to_ns(options_.setup_seconds);
    std::size_t asked = 0;
    is_subscribing_ = true;
    for (auto& session : sessions) {
        session->send("<iq type='get' id='subscriptions'><query xmlns='jabber:iq:roster'/></iq>");
        ++asked;
    }
    not_subscribed_ = asked;
    if (!engine_.run(deadline, [this] { return not_subscribed_ == 0 || report_.error_count != 0; }))
        throw SetupError(
            "subscriptions were not made in " + std::to_string(options_.setup_seconds) + " s");
    is_subscribing_ = false;
    if (subscriptions_made_ != 0)
        fleet.settle();
}

void Presence::start()
{
    for (auto& member : members_)
        send(member, now_ns());
}

void Presence::send_turn(std::uint64_t turn, std::uint64_t due)
{
    auto& member = members_[turn % members_.size()];
    if (member.to_arrive != 0)
        throw SetupError("the server is a round of presences behind");
    send(member, due);
}

void Presence::send(Member& member, std::uint64_t due)
{
    member.sent_at = due;
    member.to_arrive = options_.subscribers;
    member.session->send(member.presence.numbered(member.sent));
    ++member.sent;
    sent(options_.subscribers);
}

void Presence::on_stanza(Session& session, std::string_view stanza)
{
    auto* const receiver = static_cast<Member*>(session.context);
    if (!has_name(stanza, "presence")) {
        answer_request(session, stanza);
        if (receiver != nullptr && is_subscribing_ && contains(stanza, "jabber:iq:roster"))
            read_roster(*receiver, stanza);
        return;
    }
    auto* const sender = member_named(attribute(stanza, "from"));
    if (receiver == nullptr || sender == nullptr || receiver == sender)
        return;
    const auto type = attribute(stanza, "type");
    if (type.empty())
        on_broadcast(*receiver, *sender, stanza);
    else if (type == "subscribe")
        session.send("<presence type='subscribed' to='" + address(*sender) + "'/>");
    else if (type == "subscribed")
        became_subscribed(*receiver, *sender);
    else if (type == "error")
        ++report_.faults.stanza_errors;
}

void Presence::on_broadcast(Member& receiver, Member& sender, std::string_view stanza)
{
    std::uint64_t number = 0;
    if (!read_number(text_of(stanza, "status"), token_, number))
        return;
    const auto k = distance(receiver, sender);
    if (k >= options_.subscribers) {
        ++report_.faults.wrong_sender;
        return;
    }
    if (!receiver.arriving[k].arrived(number, report_.faults))
        return;
    delivered(sender.sent_at);
    if (--sender.to_arrive == 0 && is_closed_loop() && keeps_sending())
        send(sender, now_ns());
}

void Presence::finish()
{
    for (auto& receiver : members_) {
        for (std::uint32_t k = 0; k < options_.subscribers; ++k) {
            const auto& sender = members_[(receiver.place + 1 + k) % members_.size()];
            receiver.arriving[k].finish(sender.sent, report_.faults);
        }
    }
}

void Presence::read_roster(Member& member, std::string_view stanza)
{
    for (auto at = stanza.find("<item "); at != std::string_view::npos;
         at = stanza.find("<item ", at + 1)) {
        const auto item = stanza.substr(at);
        const auto subscription = attribute(item, "subscription");
        const auto* const to = member_named(attribute(item, "jid"));
        if (to != nullptr && (subscription == "to" || subscription == "both"))
            became_subscribed(member, *to);
    }
    if (attribute(stanza, "id") == "subscriptions")
        subscribe_next(member);
}

void Presence::became_subscribed(Member& member, const Member& to)
{
    const auto k = distance(member, to);
    if (k >= options_.subscribers || member.subscribed[k])
        return;
    member.subscribed[k] = true;
    if (member.subscribing == k + 1)
        subscribe_next(member);
}

// One after the other: `subscribing` is one more than the k that waits for approval.
void Presence::subscribe_next(Member& member)
{
    while (member.subscribing < options_.subscribers && member.subscribed[member.subscribing])
        ++member.subscribing;
    if (member.subscribing == options_.subscribers) {
        member.subscribing = options_.subscribers + 1;
        --not_subscribed_;
        return;
    }
    const auto& to = members_[(member.place + 1 + member.subscribing) % members_.size()];
    member.session->send("<presence type='subscribe' to='" + address(to) + "'/>");
    ++member.subscribing;
    ++subscriptions_made_;
}

Presence::Member* Presence::member_named(std::string_view jid)
{
    if (!jid.starts_with(options_.prefix))
        return nullptr;
    jid.remove_prefix(options_.prefix.size());
    std::uint32_t number = 0;
    const auto end = std::from_chars(jid.data(), jid.data() + jid.size(), number).ptr;
    if (end == jid.data() + jid.size() || *end != '@' || number < options_.first
        || number - options_.first >= members_.size())
        return nullptr;
    return &members_[number - options_.first];
}

// 0 for the next in the ring.
std::uint32_t Presence::distance(const Member& from, const Member& to) const
{
    const auto size = static_cast<std::uint32_t>(members_.size());
    return (to.place + size - from.place - 1) % size;
}

std::string Presence::address(const Member& member) const
{
    return member.session->user() + "@" + options_.domain;
}

}
