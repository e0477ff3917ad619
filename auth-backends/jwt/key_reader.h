// How keys come out of the text of a file: PEM (RFC 7468), JWK and JWK sets (RFC 7517), secrets.
#pragma once

#include "key.h"

#include <nuncio/result.h>

#include <cstddef>
#include <string_view>

namespace nuncio::jwt {

/// A set with more keys is not one for signing tokens.
inline constexpr std::size_t most_keys = 32;
/// RFC 7518 §3.3 wants 2048 at least; larger ones than this cost too much for each guess.
inline constexpr std::size_t least_rsa_bits = 2048;
inline constexpr std::size_t most_rsa_bits = 8192;

/// Reads what a key file holds: public keys or certificates in PEM, a JWK or a JWK set (RFC 7517),
/// or else, if `may_be_secret`, a secret as it stands there, without the line's end. What is
/// PEM or JSON is never a secret: that is how a public key, which everybody knows, becomes one. No
/// text of an Error has a byte of the file in it.
Result<KeySet> read_keys(std::string_view text, bool may_be_secret);

}
