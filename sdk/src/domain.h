// Domain parts: IDNA2008 names and IP literals (RFC 7622 §3.2).
#pragma once

#include <nuncio/result.h>

#include <string>
#include <string_view>

namespace nuncio::inline v1::domain {

/// True for a name of plain lower-case letters, digits and hyphens that preparation would not
/// change: no A-label, no trailing dot, labels and name within the bounds of DNS.
bool is_plain(std::string_view text);

}
