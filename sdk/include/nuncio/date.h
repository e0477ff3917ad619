// XEP-0082: XMPP Date and Time Profiles.
#pragma once

#include <nuncio/loop.h>

#include <string>

namespace nuncio::inline v1 {

/// A time in UTC as stanzas carry it: "2026-02-03T04:05:06Z".
NUNCIO_API std::string utc_text(WallTime time);

}
