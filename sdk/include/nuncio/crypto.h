// Digests, keyed digests, random bytes and Base64: what protocols and auth backends are made of.
#pragma once

#include <nuncio/abi.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// The digests that XMPP needs.
enum class Hash { sha1, sha256, sha512 };

/// The digest as bytes: 20, 32 or 64 of them.
NUNCIO_API std::string digest(Hash hash, std::string_view bytes);
/// RFC 2104 HMAC as bytes.
NUNCIO_API std::string hmac(Hash hash, std::string_view key, std::string_view bytes);
/// Of digest() and hmac(), in bytes.
NUNCIO_API std::size_t digest_size(Hash hash);

/// Bytes from the system's generator, fit for keys, salts and nonces.
NUNCIO_API std::string random_bytes(std::size_t count);

/// Compares without telling by its duration where two secrets differ; their length is no secret.
NUNCIO_API bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Lower-case hexadecimal.
NUNCIO_API std::string to_hex(std::string_view bytes);

/// RFC 4648 §4, with padding.
NUNCIO_API std::string to_base64(std::string_view bytes);
/// Strict: no white space, nothing outside the alphabet, padding complete, unused bits zero
/// (RFC 4648 §3.2–3.5). No value for anything else.
NUNCIO_API std::optional<std::string> from_base64(std::string_view text);

}
