// One call of an IQ handler on the loop, bounded in time.
#pragma once

#include "iq_queue.h"

namespace nuncio::kernel {

/// Runs the call's handler on this loop, be it immediate or waiting, and gives its reply to
/// `answered`, exactly once: at the latest after `time`, as internal-server-error; what the handler
/// answers later is dropped.
void run_waiting(std::unique_ptr<IqCall> call, Duration time,
    Function<void(const IqCall& call, Stanza reply)> answered);

}
