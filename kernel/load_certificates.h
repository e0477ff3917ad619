// The certificates that the settings name, ready for handshakes.
#pragma once

#include "settings.h"

#include <nuncio/result.h>

#include <memory>

namespace nuncio::kernel {

/// Those of all hosts that have one; the first serves names that nobody has. Null when none has.
Result<std::shared_ptr<TlsContext>> load_certificates(const Settings& settings);

}
