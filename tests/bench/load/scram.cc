#include "scram.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace nuncio::bench {

namespace {

    const EVP_MD* digest(Mechanism mechanism)
    {
        return mechanism == Mechanism::scram_sha_256 ? EVP_sha256() : EVP_sha1();
    }

    const unsigned char* bytes(std::string_view text)
    {
        return reinterpret_cast<const unsigned char*>(text.data());
    }

    unsigned char* bytes(std::string& text)
    {
        return reinterpret_cast<unsigned char*>(text.data());
    }

    std::string hmac(const EVP_MD* hash, std::string_view key, std::string_view text)
    {
        std::string result(static_cast<std::size_t>(EVP_MD_size(hash)), '\0');
        HMAC(hash, key.data(), static_cast<int>(key.size()), bytes(text), text.size(),
            bytes(result), nullptr);
        return result;
    }

    std::string hashed(const EVP_MD* hash, std::string_view text)
    {
        std::string result(static_cast<std::size_t>(EVP_MD_size(hash)), '\0');
        EVP_Digest(text.data(), text.size(), bytes(result), nullptr, hash, nullptr);
        return result;
    }

    // The value of "x=…" in a comma-separated list (RFC 5802 §5.1).
    std::string_view field(std::string_view message, char name)
    {
        while (!message.empty()) {
            const auto comma = message.find(',');
            const auto part = message.substr(0, comma);
            if (part.size() >= 2 && part[0] == name && part[1] == '=')
                return part.substr(2);
            if (comma == std::string_view::npos)
                break;
            message.remove_prefix(comma + 1);
        }
        return {};
    }

}

std::string to_base64(std::string_view input)
{
    std::string text(4 * ((input.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(bytes(text), bytes(input), static_cast<int>(input.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::string from_base64(std::string_view text)
{
    std::string result(text.size(), '\0');
    const int length = EVP_DecodeBlock(bytes(result), bytes(text), static_cast<int>(text.size()));
    if (length < 0)
        return {};
    // EVP_DecodeBlock counts the padding as bytes.
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    result.resize(static_cast<std::size_t>(length) - padding);
    return result;
}

std::string random_nonce()
{
    std::array<unsigned char, 18> random {};
    RAND_bytes(random.data(), static_cast<int>(random.size()));
    return to_base64({ reinterpret_cast<const char*>(random.data()), random.size() });
}

ScramCache::ScramCache(std::string file)
    : file_(std::move(file))
{
    std::ifstream input(file_);
    std::string id;
    std::string client;
    std::string server;
    ScramKeys keys;
    while (input >> id >> keys.salt >> keys.iterations >> client >> server) {
        keys.client_key = from_base64(client);
        keys.server_key = from_base64(server);
        keys_[id] = keys;
    }
}

const ScramKeys& ScramCache::keys(Mechanism mechanism, const std::string& user,
    std::string_view password, std::string_view salt, int iterations)
{
    auto& known = keys_[std::string(name_of(mechanism)) + ":" + user];
    if (known.salt == salt && known.iterations == iterations)
        return known;
    const auto* const hash = digest(mechanism);
    const auto raw_salt = from_base64(salt);
    std::string salted(static_cast<std::size_t>(EVP_MD_size(hash)), '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
        bytes(std::string_view(raw_salt)), static_cast<int>(raw_salt.size()), iterations, hash,
        static_cast<int>(salted.size()), bytes(salted));
    known = { .salt = std::string(salt),
        .iterations = iterations,
        .client_key = hmac(hash, salted, "Client Key"),
        .server_key = hmac(hash, salted, "Server Key") };
    changed_ = true;
    return known;
}

bool ScramCache::save() const
{
    if (file_.empty() || !changed_)
        return true;
    std::ofstream output(file_, std::ios::trunc);
    for (const auto& [id, keys] : keys_)
        output << id << ' ' << keys.salt << ' ' << keys.iterations << ' '
               << to_base64(keys.client_key) << ' ' << to_base64(keys.server_key) << '\n';
    return static_cast<bool>(output.flush());
}

ScramClient::ScramClient(Mechanism mechanism, std::string user, std::string nonce)
    : mechanism_(mechanism)
    , user_(std::move(user))
    , nonce_(std::move(nonce))
{
}

std::string ScramClient::first() const
{
    return "n,,n=" + user_ + ",r=" + nonce_;
}

std::string ScramClient::final(
    std::string_view server_first, std::string_view password, ScramCache& cache)
{
    const auto nonce = field(server_first, 'r');
    const auto salt = field(server_first, 's');
    const auto count = field(server_first, 'i');
    int iterations = 0;
    std::from_chars(count.data(), count.data() + count.size(), iterations);
    if (!nonce.starts_with(nonce_) || salt.empty() || iterations < 1 || iterations > 1'000'000)
        return {};

    const auto& keys = cache.keys(mechanism_, user_, password, salt, iterations);
    const auto without_proof = "c=biws,r=" + std::string(nonce);
    const auto signed_text
        = first().substr(3) + "," + std::string(server_first) + "," + without_proof;
    const auto* const hash = digest(mechanism_);
    auto proof = hmac(hash, hashed(hash, keys.client_key), signed_text);
    for (std::size_t i = 0; i < proof.size(); ++i)
        proof[i] = static_cast<char>(proof[i] ^ keys.client_key[i]);
    server_signature_ = to_base64(hmac(hash, keys.server_key, signed_text));
    return without_proof + ",p=" + to_base64(proof);
}

bool ScramClient::verify(std::string_view server_final) const
{
    return !server_signature_.empty() && field(server_final, 'v') == server_signature_;
}

}
