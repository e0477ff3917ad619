// Starts a server and finds out how long it takes until it accepts connections, and what it
// occupies then.
#pragma once

#include "options.h"

namespace nuncio::bench {

// Stops the server again. Gives the exit status.
int measure_startup(const Options& options);

}
