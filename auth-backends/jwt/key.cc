#include "key.h"

#include "openssl.h"

#include <nuncio/crypto.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <optional>

namespace nuncio::jwt {

namespace {

    /// RFC 7518 §3.4: R and S, each of full length, where OpenSSL wants them in DER.
    std::optional<std::string> to_der(std::string_view signature, std::size_t half)
    {
        if (signature.size() != 2 * half)
            return std::nullopt;
        const EcdsaSignature pair(ECDSA_SIG_new());
        Bignum r = number(signature.substr(0, half));
        Bignum s = number(signature.substr(half));
        if (!pair || !r || !s || !ECDSA_SIG_set0(pair.get(), r.get(), s.get()))
            return std::nullopt;
        (void)r.release(); // they are the pair's now
        (void)s.release();
        unsigned char* bytes = nullptr;
        const int size = i2d_ECDSA_SIG(pair.get(), &bytes);
        if (size <= 0)
            return std::nullopt;
        std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
        OPENSSL_free(bytes);
        return der;
    }

    bool verifies_mac(EVP_PKEY* key, const Algorithm& algorithm, std::string_view text,
        std::string_view signature)
    {
        const DigestContext context(EVP_MD_CTX_new());
        unsigned char mac[EVP_MAX_MD_SIZE];
        std::size_t size = sizeof mac;
        return context
            && EVP_DigestSignInit_ex(
                   context.get(), nullptr, algorithm.digest.data(), nullptr, nullptr, key, nullptr)
            > 0
            && EVP_DigestSign(context.get(), mac, &size, bytes_of(text), text.size()) > 0
            && equal_in_constant_time({ reinterpret_cast<const char*>(mac), size }, signature);
    }

    bool verifies_signature(EVP_PKEY* key, const Algorithm& algorithm, std::string_view text,
        std::string_view signature)
    {
        const DigestContext context(EVP_MD_CTX_new());
        EVP_PKEY_CTX* options = nullptr; // the context's
        if (!context
            || EVP_DigestVerifyInit_ex(context.get(), &options,
                   algorithm.digest.empty() ? nullptr : algorithm.digest.data(), nullptr, nullptr,
                   key, nullptr)
                <= 0)
            return false;
        // RFC 7518 §3.5: the salt is as long as the digest, and MGF1 uses the same one.
        if (algorithm.padding == Algorithm::Padding::pss
            && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) <= 0
                || EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) <= 0))
            return false;
        return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                   bytes_of(text), text.size())
            == 1;
    }

}

bool Key::fits(const Algorithm& wanted) const
{
    if (type != wanted.key || (!algorithm.empty() && algorithm != wanted.name))
        return false;
    // RFC 7518 §3.2: a secret is at least as long as the digest.
    return type != KeyType::secret || bits >= 8 * wanted.least_secret;
}

bool Key::verifies(const Algorithm& by, std::string_view text, std::string_view signature) const
{
    bool is_right = false;
    if (type == KeyType::secret) {
        is_right = verifies_mac(handle.get(), by, text, signature);
    } else if (by.half > 0) {
        const auto der = to_der(signature, by.half);
        is_right = der && verifies_signature(handle.get(), by, text, *der);
    } else {
        // RFC 8017 §8.1.2, §8.2.2: as long as the modulus. OpenSSL forgives a zero in front that is
        // missing, and there would be two tokens with one meaning.
        is_right = (type != KeyType::rsa || signature.size() == (bits + 7) / 8)
            && verifies_signature(handle.get(), by, text, signature);
    }
    ERR_clear_error(); // a wrong signature leaves its traces in the thread's queue
    return is_right;
}

}
