// RFC 6121 Appendix A: the states of a subscription, and what each stanza does to them.
#pragma once

#include <nuncio/roster.h>
#include <nuncio/stanza.h>

namespace nuncio::presence {

/// Appendix A.1. "Out": the user asked and waits; "in": the contact asked and waits.
enum class State {
    none,
    none_out,
    none_in,
    none_out_in,
    to,
    to_in,
    from,
    from_out,
    both,
};

/// What a subscription stanza does in a state.
struct Step {
    bool passes; ///< outbound: it is routed; inbound: the user's clients hear it
    State next;
};

/// Appendix A.2 and A.3. `type` is one of the four subscription types.
Step outbound(State state, Stanza::Type type);
Step inbound(State state, Stanza::Type type);

bool is_subscription(Stanza::Type type);

State state_of(const RosterItem& item);
void set_state(RosterItem& item, State state);

/// What is due after an item was changed.
struct Effects {
    bool passes = false; ///< see Step
    bool grants = false; ///< the contact may see the user from now on: it is told where she is
    bool revokes = false; ///< the contact may no longer: it hears "unavailable"
    bool answers = false; ///< the server says "subscribed" by itself
};

/// The user sent `type`: changes the item, pre-approval (§3.4) included.
Effects leave(RosterItem& item, Stanza::Type type);
/// The contact sent `stanza`: changes the item; a request is kept in it until it is answered.
Effects arrive(RosterItem& item, const Stanza& stanza);

}
