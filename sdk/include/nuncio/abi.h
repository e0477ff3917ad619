// The binary contract: ABI number, export macro, version namespace.
#pragma once

#define NUNCIO_API __attribute__((visibility("default")))

/// Every public name lives in `nuncio::v1`, so that two ABI numbers can never be mixed by the
/// linker.
namespace nuncio::inline v1 {

/// The number that a plugin and the server must agree on; it is also the SOVERSION of libnuncio.
inline constexpr int abi_number = 1;

/// The release of the SDK, as `nuncioctl status` and a plugin's note show it.
inline constexpr const char* sdk_version = "0.1.0";

/// Which public headers libnuncio was built from, as a plugin's note says it of the plugin.
NUNCIO_API const char* library_headers();

}
