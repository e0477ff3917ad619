// XEP-0160 §3, XEP-0334: which messages are kept for somebody who is away, and how they look then.
#pragma once

#include <nuncio/date.h>
#include <nuncio/stanza.h>

namespace nuncio::offline {

enum class Fate {
    keep,
    bounce, ///< the sender should know that nobody got it
    drop, ///< of use now or never
};

Fate fate_of(const Stanza& message);

/// Marks when the message was taken in, by whom (XEP-0203); marks that claim to be ours go first.
void stamp(Stanza& message, JidView host, WallTime now);

}
