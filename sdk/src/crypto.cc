// Digests, keyed digests and random bytes, by libcrypto; Base64 by hand because it has to be
// strict.
#include <nuncio/crypto.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace nuncio::inline v1 {

namespace {

    const EVP_MD* algorithm(Hash hash)
    {
        switch (hash) {
        case Hash::sha1:
            return EVP_sha1();
        case Hash::sha256:
            return EVP_sha256();
        case Hash::sha512:
            break;
        }
        return EVP_sha512();
    }

    /// One thread's keyed digest, its algorithm looked up once: OpenSSL's one-call HMAC() looks
    /// it up by name every time, which costs more than the digest of a short text.
    struct Hmac {
        explicit Hmac(Hash hash)
        {
            auto* const mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
            context = mac ? EVP_MAC_CTX_new(mac) : nullptr;
            EVP_MAC_free(mac);
            const OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_utf8_string(
                    OSSL_MAC_PARAM_DIGEST, const_cast<char*>(EVP_MD_get0_name(algorithm(hash))), 0),
                OSSL_PARAM_construct_end(),
            };
            if (!context || EVP_MAC_CTX_set_params(context, parameters) != 1)
                std::abort();
        }
        ~Hmac() { EVP_MAC_CTX_free(context); }
        Hmac(const Hmac&) = delete;
        Hmac& operator=(const Hmac&) = delete;
        EVP_MAC_CTX* context;
    };

    unsigned char* octets(std::string& text)
    {
        return reinterpret_cast<unsigned char*>(text.data());
    }
    const unsigned char* octets(std::string_view text)
    {
        return reinterpret_cast<const unsigned char*>(text.data());
    }

    constexpr std::string_view base64_alphabet
        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    constexpr std::array<std::int8_t, 256> base64_values = [] {
        std::array<std::int8_t, 256> values {};
        values.fill(-1);
        for (std::size_t i = 0; i < base64_alphabet.size(); ++i)
            values[static_cast<unsigned char>(base64_alphabet[i])] = static_cast<std::int8_t>(i);
        return values;
    }();

}

std::size_t digest_size(Hash hash)
{
    return hash == Hash::sha1 ? 20 : hash == Hash::sha256 ? 32 : 64;
}

std::string digest(Hash hash, std::string_view bytes)
{
    std::string out(digest_size(hash), '\0');
    // Fails only without memory or without a provider; a wrong digest must not go on its way.
    if (EVP_Digest(bytes.data(), bytes.size(), octets(out), nullptr, algorithm(hash), nullptr) != 1)
        std::abort();
    return out;
}

std::string hmac(Hash hash, std::string_view key, std::string_view bytes)
{
    thread_local const Hmac sha1(Hash::sha1), sha256(Hash::sha256), sha512(Hash::sha512);
    const Hmac& by = hash == Hash::sha1 ? sha1 : hash == Hash::sha256 ? sha256 : sha512;
    std::string out(digest_size(hash), '\0');
    // An empty key must not be a null one: that would mean the key of the call before.
    const auto* const secret = key.empty() ? octets(std::string_view("")) : octets(key);
    std::size_t size = 0;
    if (EVP_MAC_init(by.context, secret, key.size(), nullptr) != 1
        || EVP_MAC_update(by.context, octets(bytes), bytes.size()) != 1
        || EVP_MAC_final(by.context, octets(out), &size, out.size()) != 1 || size != out.size())
        std::abort();
    return out;
}

std::string random_bytes(std::size_t count)
{
    std::string out(count, '\0');
    if (RAND_bytes(octets(out), static_cast<int>(count)) != 1)
        std::abort();
    return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b)
{
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes)
{
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const unsigned char byte : bytes) {
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789abcdef"[byte & 15];
    }
    return out;
}

std::string to_base64(std::string_view bytes)
{
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const auto piece = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= piece.size() ? base64_alphabet[bits >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text)
{
    if (text.size() % 4 != 0)
        return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    const std::size_t digits = text.size() - padding;
    for (std::size_t at = 0; at < digits; ++at) {
        const int value = base64_values[static_cast<unsigned char>(text[at])];
        if (value < 0)
            return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (at % 4 == 3) {
            out += static_cast<char>(bits >> 16);
            out += static_cast<char>(bits >> 8);
            out += static_cast<char>(bits);
            bits = 0;
        }
    }
    // RFC 4648 §3.5: unused bits must be zero, or one secret could be spelled in several ways.
    if (padding == 1) {
        if (bits & 3)
            return std::nullopt;
        out += static_cast<char>(bits >> 10);
        out += static_cast<char>(bits >> 2);
    } else if (padding == 2) {
        if (bits & 15)
            return std::nullopt;
        out += static_cast<char>(bits >> 4);
    }
    return out;
}

}
