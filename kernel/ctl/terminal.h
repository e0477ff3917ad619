// Asking for a secret.
#pragma once

#include <nuncio/result.h>

#include <string>

namespace nuncio::ctl {

/// Asks on the terminal without echo, twice; without a terminal, takes the first line of standard
/// input.
Result<std::string> ask_secret(const std::string& name);

}
