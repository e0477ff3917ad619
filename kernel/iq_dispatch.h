// Runs IQ handlers under their disciplines (S69–S74): inline, queued, in the pool; always answers.
#pragma once

#include "route_table.h"

#include <nuncio/iq.h>

namespace nuncio::kernel {

class VirtualHost;

/// Calls the entry's handler for `iq` under its discipline on the current loop, and routes the
/// reply. A full queue answers resource-constraint; an exception or a time-out
/// internal-server-error.
void dispatch_iq(VirtualHost& host, const IqEntry& entry, Stanza&& stanza, AccountRef account);

/// What the administrator may write in `iq_disciplines`: "no_queue", "one_queue", "queues(8)",
/// "parallel".
Result<Discipline> parse_discipline(std::string_view text);

}
