// Network addresses as limits see them.
#pragma once

#include <nuncio/abi.h>

#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// What one subscriber of a provider holds of the address space, as a key for limits: an IPv4
/// address itself, also one that is mapped into IPv6 (RFC 4291 §2.5.5.2); of an IPv6 address its
/// /64 ("2001:db8::/64"). Any other text is answered as it is.
NUNCIO_API std::string network_of(std::string_view address);

/// 127.0.0.0/8 and ::1, mapped or not.
NUNCIO_API bool is_loopback(std::string_view address);

}
