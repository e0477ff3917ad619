// For the tests: whoever issues tokens.
#pragma once

#include "algorithm.h"

#include <nuncio/crypto.h>

#include <algorithm>
#include <memory>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string>
#include <string_view>

namespace nuncio::jwt::testing {

inline std::string to_base64url(std::string_view bytes)
{
    std::string text = to_base64(bytes);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    while (text.ends_with('='))
        text.pop_back();
    return text;
}

/// A key pair, or a secret, that signs anything with any algorithm it is told.
class Signer {
public:
    static Signer rsa(unsigned bits = 2048)
    {
        return Signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t(bits)));
    }
    static Signer ec(const char* group)
    {
        return Signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group));
    }
    static Signer ed(const char* curve)
    {
        return Signer(EVP_PKEY_Q_keygen(nullptr, nullptr, curve));
    }
    static Signer secret(std::string_view bytes)
    {
        return Signer(EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr,
            reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
    }

    std::string public_pem() const
    {
        return pem([this](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key_.get()); });
    }
    std::string private_pem() const
    {
        return pem([this](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
    }

    std::string sign(const Algorithm& algorithm, std::string_view text) const
    {
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(
            EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_PKEY_CTX* options = nullptr;
        EVP_DigestSignInit_ex(context.get(), &options,
            algorithm.digest.empty() ? nullptr : algorithm.digest.data(), nullptr, nullptr,
            key_.get(), nullptr);
        if (algorithm.padding == Algorithm::Padding::pss) {
            EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
        }
        const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
        std::size_t size = 0;
        EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
        std::string made(size, '\0');
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(made.data()), &size, bytes,
            text.size());
        made.resize(size);
        return algorithm.half > 0 ? from_der(made, algorithm.half) : made;
    }

    /// A token whose header says whatever it says.
    std::string token(
        std::string_view header, std::string_view payload, const Algorithm& algorithm) const
    {
        const std::string text = to_base64url(header) + '.' + to_base64url(payload);
        return text + '.' + to_base64url(sign(algorithm, text));
    }

private:
    explicit Signer(EVP_PKEY* key)
        : key_(key, EVP_PKEY_free)
    {
    }
    template <class Write>
    static std::string pem(Write write)
    {
        const std::unique_ptr<BIO, void (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
        write(bio.get());
        char* data = nullptr;
        const long size = BIO_get_mem_data(bio.get(), &data);
        return { data, static_cast<std::size_t>(size) };
    }
    static std::string from_der(const std::string& der, std::size_t half)
    {
        const auto* at = reinterpret_cast<const unsigned char*>(der.data());
        const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> pair(
            d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
        std::string raw(2 * half, '\0');
        auto* const bytes = reinterpret_cast<unsigned char*>(raw.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), bytes, static_cast<int>(half));
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), bytes + half, static_cast<int>(half));
        return raw;
    }

    std::shared_ptr<EVP_PKEY> key_; // shared: a test copies what it likes
};

/// The first of this name whose key is of this type.
inline const Algorithm& algorithm(std::string_view name)
{
    return *std::ranges::find(algorithms(), name, &Algorithm::name);
}

}
