// Secrets that a server makes for itself once, and keeps.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/result.h>

#include <cstddef>
#include <string>

namespace nuncio::inline v1 {

/// What the file `path` holds: `bytes` random bytes, made on first use, for the server's own user
/// alone (mode 0600). The file appears whole or not at all; one of another size is an error, and is
/// left as it is. Blocks: call it at the start.
NUNCIO_API Result<std::string> load_secret(const std::string& path, std::size_t bytes = 32);

}
