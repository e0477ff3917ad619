// RFC 7518 §3.1, RFC 8037 §3.1: how tokens are signed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace nuncio::jwt {

/// Which keys an algorithm takes.
enum class KeyType { secret, rsa, p256, p384, p521, ed25519, ed448 };

struct Algorithm {
    enum class Padding { none, pkcs1, pss };

    std::string_view name; ///< as a token's header and the settings spell it
    KeyType key;
    std::string_view digest; ///< OpenSSL's name; empty where the signature has its own
    Padding padding = Padding::none;
    std::size_t half = 0; ///< of an ECDSA signature: R and S, in bytes
    std::size_t least_secret = 0; ///< RFC 7518 §3.2: as long as the digest, in bytes
};

/// EdDSA is there twice: once for each curve. `none` is not there.
std::span<const Algorithm> algorithms();

/// Whether there is an algorithm of this name.
bool is_algorithm(std::string_view name);

}
