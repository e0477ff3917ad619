#include "broadcast.h"

#include <nuncio/date.h>

#include <algorithm>

namespace nuncio::presence {

bool Directed::add(JidView to, std::size_t limit)
{
    if (std::ranges::find(addresses_, to, &Jid::view) != addresses_.end())
        return true;
    if (addresses_.size() >= limit)
        return false;
    addresses_.emplace_back(to);
    return true;
}

void Directed::remove(JidView to)
{
    std::erase_if(addresses_, [to](const Jid& known) { return known.view() == to; });
}

void Directed::save(Snapshot& snapshot) const
{
    Value::Array addresses;
    for (const Jid& address : addresses_)
        addresses.emplace_back(address.text());
    snapshot.put("addresses", addresses);
}

void Directed::restore(const Snapshot& snapshot)
{
    for (const Value& address : snapshot.list("addresses"))
        if (auto jid = Jid::parse(address.as_string()))
            addresses_.push_back(std::move(*jid));
}

std::vector<Jid> subscribers(const Roster& roster)
{
    std::vector<Jid> found;
    for (const auto& [address, item] : roster.items)
        if (item.from)
            found.push_back(item.jid);
    return found;
}

std::vector<Jid> with_subscribers(const Roster& roster, JidView self, std::vector<Jid> directed)
{
    std::erase_if(directed, [&](const Jid& address) {
        return roster.is_subscribed(address) || address.view().bare() == self.bare();
    });
    auto all = subscribers(roster);
    all.insert(all.end(), directed.begin(), directed.end());
    return all;
}

std::vector<Jid> subscriptions(const Roster& roster)
{
    std::vector<Jid> found;
    for (const auto& [address, item] : roster.items)
        if (item.to)
            found.push_back(item.jid);
    return found;
}

Stanza presence(JidView from, Stanza::Type type)
{
    Stanza made(Stanza::Kind::presence, type);
    made.set_from(from);
    return made;
}

Stanza last_presence(Session& session)
{
    constexpr std::string_view ns_delay = "urn:xmpp:delay";
    Stanza last = *session.presence();
    // XEP-0203 §2 has one stamp at the most; the client's own says how old its words are.
    if (!last.child("delay", ns_delay))
        last.element()
            .add("delay", ns_delay)
            .attr("from", session.jid().text())
            .attr("stamp", utc_text(session.presence_time()));
    return last;
}

void send_availability(Account& account, const Jid& to)
{
    for (Session* session : account.sessions())
        if (session->is_available()) {
            Stanza copy = last_presence(*session);
            copy.set_to(to);
            account.host().route(std::move(copy));
        }
}

void send_unavailability(Account& account, const Jid& to)
{
    for (Session* session : account.sessions())
        if (session->is_available()) {
            Stanza gone = presence(session->jid(), Stanza::Type::unavailable);
            gone.set_to(to);
            account.host().route(std::move(gone));
        }
}

void part(Account& account, const RosterItem& former)
{
    const auto send = [&](Stanza::Type type) {
        Stanza stanza = presence(account.jid(), type);
        stanza.set_to(former.jid);
        account.host().route(std::move(stanza));
    };
    if (former.to || former.ask)
        send(Stanza::Type::unsubscribe);
    if (former.from)
        send_unavailability(account, former.jid);
    if (former.from || former.pending_in)
        send(Stanza::Type::unsubscribed);
}

void greet(Session& session, const Roster& roster)
{
    for (Session* other : session.account().sessions())
        if (other != &session && other->is_available())
            session.send_to(last_presence(*other), session.jid());
    for (const auto& [address, item] : roster.items) {
        if (!item.pending_in)
            continue;
        if (auto element = parse_element(item.pending_stanza)) {
            session.send(Stanza::parse(std::move(*element)).stanza);
            continue;
        }
        Stanza request = presence(item.jid, Stanza::Type::subscribe);
        session.send_to(request, session.jid().bare());
    }
}

}
