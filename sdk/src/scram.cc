// RFC 5802 §3: SaltedPassword, ClientKey, StoredKey, ServerKey.
#include <nuncio/scram.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
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

std::string stable_salt(
    std::string_view secret, std::string_view name, ScramHash hash, std::size_t bytes)
{
    std::string text(name);
    text.append(1, '\0').append(1, static_cast<char>('0' + static_cast<int>(hash)));
    std::string salt = hmac(Hash::sha512, secret, text);
    salt.resize(std::min(salt.size(), bytes));
    return salt;
}

bool matches_scram_keys(std::string_view password, const ScramKeys& keys, ScramHash hash)
{
    const auto made = make_scram_keys(password, keys.salt, keys.iterations, hash);
    return equal_in_constant_time(made.stored_key, keys.stored_key);
}

namespace {

    constexpr std::array<std::string_view, 3> names { "SCRAM-SHA-1", "SCRAM-SHA-256",
        "SCRAM-SHA-512" };
    constexpr std::size_t max_salt = 1024;

    /// Cuts off and answers what comes before `end`; all of it when there is no `end`.
    std::string_view cut(std::string_view& text, char end)
    {
        const auto at = text.find(end);
        const auto piece = text.substr(0, at);
        text = at == text.npos ? std::string_view() : text.substr(at + 1);
        return piece;
    }

}

std::string_view scram_name(ScramHash hash)
{
    return names[static_cast<std::size_t>(hash)];
}

std::optional<ScramHash> scram_hash(std::string_view name)
{
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name)
            return static_cast<ScramHash>(i);
    return {};
}

std::string to_text(ScramHash hash, const ScramKeys& keys)
{
    return std::string(scram_name(hash)) + '$' + std::to_string(keys.iterations) + ':'
        + to_base64(keys.salt) + '$' + to_base64(keys.stored_key) + ':'
        + to_base64(keys.server_key);
}

std::string_view problem_with(const ScramKeys& keys, ScramHash hash)
{
    if (keys.iterations == 0 || keys.iterations > scram_max_iterations)
        return "expected 1 to 10000000 iterations";
    if (keys.salt.empty() || keys.salt.size() > max_salt)
        return "expected a salt of 1 to 1024 bytes";
    if (keys.stored_key.size() != digest_size(hash) || keys.server_key.size() != digest_size(hash))
        return "expected keys as long as the digest";
    return {};
}

Result<HashedScramKeys> parse_scram_keys(std::string_view text)
{
    const Error damaged { "expected SCRAM keys as 'SCRAM-SHA-256$iterations:salt$stored-key:"
                          "server-key'" };
    const auto hash = scram_hash(cut(text, '$'));
    const auto iterations = cut(text, ':');
    const auto salt = from_base64(cut(text, '$'));
    const auto stored = from_base64(cut(text, ':'));
    const auto server = from_base64(text);
    if (!hash || !salt || !stored || !server)
        return damaged;
    HashedScramKeys read { *hash, { *salt, *stored, *server } };
    const char* const end = iterations.data() + iterations.size();
    const auto [at, failure] = std::from_chars(iterations.data(), end, read.keys.iterations);
    if (failure != std::errc() || at != end)
        return damaged;
    if (const auto problem = problem_with(read.keys, *hash); !problem.empty())
        return Error { std::string(problem) };
    return read;
}

}
