#include "subscription.h"

#include <cassert>

namespace nuncio::presence {

namespace {

    using enum State;
    constexpr bool pass = true, stop = false;

    // One row for each state in the order of the enumeration; columns as `column` has them.
    constexpr Step outbound_steps[9][4] = {
        // subscribe (A.2.1)        unsubscribe (A.2.2)    subscribed (A.2.3)    unsubscribed
        // (A.2.4)
        { { pass, none_out }, { pass, none }, { stop, none }, { stop, none } },
        { { pass, none_out }, { pass, none }, { stop, none_out }, { stop, none_out } },
        { { pass, none_out_in }, { pass, none_in }, { pass, from }, { pass, none } },
        { { pass, none_out_in }, { pass, none_in }, { pass, from_out }, { pass, none_out } },
        { { pass, to }, { pass, none }, { stop, to }, { stop, to } },
        { { pass, to_in }, { pass, none_in }, { pass, both }, { pass, to } },
        { { pass, from_out }, { pass, from }, { stop, from }, { pass, none } },
        { { pass, from_out }, { pass, from }, { stop, from_out }, { pass, none_out } },
        { { pass, both }, { pass, from }, { stop, both }, { pass, to } },
    };

    constexpr Step inbound_steps[9][4] = {
        // subscribe (A.3.1)        unsubscribe (A.3.2)    subscribed (A.3.3)    unsubscribed
        // (A.3.4)
        { { pass, none_in }, { stop, none }, { stop, none }, { stop, none } },
        { { pass, none_out_in }, { stop, none_out }, { pass, to }, { pass, none } },
        { { stop, none_in }, { pass, none }, { stop, none_in }, { stop, none_in } },
        { { stop, none_out_in }, { pass, none_out }, { pass, to_in }, { pass, none_in } },
        { { pass, to_in }, { stop, to }, { stop, to }, { pass, none } },
        { { stop, to_in }, { pass, to }, { stop, to_in }, { pass, none_in } },
        { { stop, from }, { pass, none }, { stop, from }, { stop, from } },
        { { stop, from_out }, { pass, none_out }, { pass, both }, { pass, from } },
        { { stop, both }, { pass, to }, { stop, both }, { pass, from } },
    };

    std::size_t column(Stanza::Type type)
    {
        switch (type) {
        case Stanza::Type::subscribe:
            return 0;
        case Stanza::Type::unsubscribe:
            return 1;
        case Stanza::Type::subscribed:
            return 2;
        default:
            assert(type == Stanza::Type::unsubscribed);
            return 3;
        }
    }

    /// Larger requests are remembered without their extensions.
    constexpr std::size_t longest_request = 4096;

    std::string remembered(const Stanza& request)
    {
        std::string xml = to_string(request.element());
        if (xml.size() <= longest_request)
            return xml;
        Stanza bare(Stanza::Kind::presence, Stanza::Type::subscribe);
        bare.set_from(request.from()).set_to(request.to());
        return to_string(bare.element());
    }

}

Step outbound(State state, Stanza::Type type)
{
    return outbound_steps[static_cast<std::size_t>(state)][column(type)];
}

Step inbound(State state, Stanza::Type type)
{
    return inbound_steps[static_cast<std::size_t>(state)][column(type)];
}

bool is_subscription(Stanza::Type type)
{
    using enum Stanza::Type;
    return type == subscribe || type == subscribed || type == unsubscribe || type == unsubscribed;
}

State state_of(const RosterItem& item)
{
    if (item.to && item.from)
        return both;
    if (item.to)
        return item.pending_in ? to_in : to;
    if (item.from)
        return item.ask ? from_out : from;
    if (item.ask)
        return item.pending_in ? none_out_in : none_out;
    return item.pending_in ? none_in : none;
}

void set_state(RosterItem& item, State state)
{
    item.to = state == to || state == to_in || state == both;
    item.from = state == from || state == from_out || state == both;
    item.ask = state == none_out || state == none_out_in || state == from_out;
    item.pending_in = state == none_in || state == none_out_in || state == to_in;
    if (!item.pending_in)
        item.pending_stanza.clear();
}

Effects leave(RosterItem& item, Stanza::Type type)
{
    const bool saw = item.from;
    const Step step = outbound(state_of(item), type);
    // §3.4.2: an approval of what nobody asked yet is noted and stays here.
    if (type == Stanza::Type::subscribed && !step.passes && !item.from)
        item.approved = item.listed = true;
    if (type == Stanza::Type::unsubscribed)
        item.approved = false;
    set_state(item, step.next);
    if (item.ask || item.from)
        item.listed = true;
    return { .passes = step.passes, .grants = item.from && !saw, .revokes = saw && !item.from };
}

Effects arrive(RosterItem& item, const Stanza& stanza)
{
    const bool saw = item.from;
    const bool is_request = stanza.type() == Stanza::Type::subscribe;
    // §3.1.3 rule 2: who has it already is told so by the server.
    if (is_request && saw)
        return { .answers = true };
    if (is_request && item.approved) {
        item.approved = false;
        item.from = true;
        item.pending_in = false;
        return { .grants = true, .answers = true };
    }
    const Step step = inbound(state_of(item), stanza.type());
    const bool is_new_request = is_request && step.passes;
    set_state(item, step.next);
    if (is_new_request)
        item.pending_stanza = remembered(stanza);
    return { .passes = step.passes, .revokes = saw && !item.from };
}

}
