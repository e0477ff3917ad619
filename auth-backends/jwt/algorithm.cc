#include "algorithm.h"

#include <algorithm>

namespace nuncio::jwt {

namespace {

    using enum KeyType;
    using Padding = Algorithm::Padding;

    constexpr Algorithm known[] = {
        { "RS256", rsa, "SHA256", Padding::pkcs1 },
        { "RS384", rsa, "SHA384", Padding::pkcs1 },
        { "RS512", rsa, "SHA512", Padding::pkcs1 },
        { "PS256", rsa, "SHA256", Padding::pss },
        { "PS384", rsa, "SHA384", Padding::pss },
        { "PS512", rsa, "SHA512", Padding::pss },
        { "ES256", p256, "SHA256", Padding::none, 32 },
        { "ES384", p384, "SHA384", Padding::none, 48 },
        { "ES512", p521, "SHA512", Padding::none, 66 },
        { "EdDSA", ed25519, "" },
        { "EdDSA", ed448, "" },
        { "HS256", secret, "SHA256", Padding::none, 0, 32 },
        { "HS384", secret, "SHA384", Padding::none, 0, 48 },
        { "HS512", secret, "SHA512", Padding::none, 0, 64 },
    };

}

std::span<const Algorithm> algorithms()
{
    return known;
}

bool is_algorithm(std::string_view name)
{
    return std::ranges::find(known, name, &Algorithm::name) != std::end(known);
}

}
