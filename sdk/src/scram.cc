// RFC 5802 §3: SaltedPassword, ClientKey, StoredKey, ServerKey.
#include <nuncio/scram.h>

#include <cassert>
#include <cstdlib>
#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace nuncio::inline v1 {

namespace {

    void forget(std::string& secret)
    {
        OPENSSL_cleanse(secret.data(), secret.size());
    }

}

std::string scram_salted_password(
    std::string_view password, std::string_view salt, std::uint32_t iterations, ScramHash hash)
{
    assert(iterations > 0);
    const EVP_MD* algorithm = hash == ScramHash::sha1 ? EVP_sha1()
        : hash == ScramHash::sha256                   ? EVP_sha256()
                                                      : EVP_sha512();
    std::string out(digest_size(hash), '\0');
    // Hi() is PBKDF2 with HMAC and the digest's own length (RFC 5802 §2.2).
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
            reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
            static_cast<int>(iterations), algorithm, static_cast<int>(out.size()),
            reinterpret_cast<unsigned char*>(out.data()))
        != 1)
        std::abort();
    return out;
}

std::string scram_client_key(std::string_view salted_password, ScramHash hash)
{
    return hmac(hash, salted_password, "Client Key");
}

ScramKeys make_scram_keys(
    std::string_view password, std::string salt, std::uint32_t iterations, ScramHash hash)
{
    std::string salted = scram_salted_password(password, salt, iterations, hash);
    ScramKeys keys = scram_keys_of_salted(salted, std::move(salt), iterations, hash);
    forget(salted);
    return keys;
}

ScramKeys scram_keys_of_salted(
    std::string_view salted, std::string salt, std::uint32_t iterations, ScramHash hash)
{
    std::string client_key = scram_client_key(salted, hash);
    ScramKeys keys;
    keys.salt = std::move(salt);
    keys.stored_key = digest(hash, client_key);
    keys.server_key = hmac(hash, salted, "Server Key");
    keys.iterations = iterations;
    forget(client_key);
    return keys;
}

bool matches_scram_keys(std::string_view password, const ScramKeys& keys, ScramHash hash)
{
    const auto made = make_scram_keys(password, keys.salt, keys.iterations, hash);
    return equal_in_constant_time(made.stored_key, keys.stored_key);
}

}
