#include "decoy_keys.h"

#include <nuncio/crypto.h>
#include <nuncio/scram.h>
#include <nuncio/secret_file.h>

#include <algorithm>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::size_t secret_bytes = 32;

}

ScramKeys DecoyKeys::make(std::string_view domain, std::string_view user, ScramHash hash) const
{
    std::string name(domain);
    name += '\0';
    name += user;
    std::string salt
        = stable_salt(secret_, name, hash, salt_bytes_.load(std::memory_order_relaxed));
    ScramKeys keys;
    // Nobody knows a password for these: they are a digest of the secret, not of ClientKey.
    keys.stored_key = hmac(hash, secret_, salt);
    keys.server_key = hmac(hash, secret_, keys.stored_key);
    keys.salt = std::move(salt);
    keys.iterations = iterations_.load(std::memory_order_relaxed);
    return keys;
}

void DecoyKeys::resemble(const ScramKeys& keys) const
{
    iterations_.store(keys.iterations, std::memory_order_relaxed);
    salt_bytes_.store(static_cast<std::uint32_t>(std::clamp<std::size_t>(keys.salt.size(), 8, 64)),
        std::memory_order_relaxed);
}

Result<std::string> DecoyKeys::load_secret(const std::string& data_dir)
{
    if (data_dir.empty())
        return random_bytes(secret_bytes);
    return nuncio::load_secret(data_dir + "/scram-decoy-secret", secret_bytes);
}

}
