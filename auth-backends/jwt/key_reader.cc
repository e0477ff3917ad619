#include "key_reader.h"

#include "base64url.h"
#include "openssl.h"

#include <nuncio/value.h>

#include <algorithm>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <optional>

namespace nuncio::jwt {

namespace {

    constexpr int json_depth = 8;

    Error unusable(std::string_view why)
    {
        return Error { std::string(why) };
    }

    struct Curve {
        std::string_view name; ///< RFC 7518 §6.2.1.1, RFC 8037 §2
        const char* group; ///< OpenSSL's name
        KeyType type;
        std::size_t width; ///< of a coordinate, in bytes
    };
    constexpr Curve curves[] = {
        { "P-256", "prime256v1", KeyType::p256, 32 },
        { "P-384", "secp384r1", KeyType::p384, 48 },
        { "P-521", "secp521r1", KeyType::p521, 66 },
    };

    /// What the key is, whatever it came from.
    Result<Key> make_key(EVP_PKEY* made)
    {
        Key key { .handle = { made, EVP_PKEY_free } };
        key.bits = static_cast<std::size_t>(EVP_PKEY_get_bits(made));
        switch (EVP_PKEY_get_base_id(made)) {
        case EVP_PKEY_RSA:
            key.type = KeyType::rsa;
            if (key.bits < least_rsa_bits || key.bits > most_rsa_bits)
                return unusable("an RSA key of " + std::to_string(key.bits) + " bits: expected "
                    + std::to_string(least_rsa_bits) + " to " + std::to_string(most_rsa_bits)
                    + " (RFC 7518 §3.3)");
            return key;
        case EVP_PKEY_ED25519:
            key.type = KeyType::ed25519;
            return key;
        case EVP_PKEY_ED448:
            key.type = KeyType::ed448;
            return key;
        case EVP_PKEY_EC: {
            char group[32] = {};
            std::size_t size = 0;
            EVP_PKEY_get_group_name(made, group, sizeof group, &size);
            const auto curve = std::ranges::find(curves, std::string_view(group),
                [](const Curve& one) { return std::string_view(one.group); });
            if (curve == std::end(curves))
                return unusable("an elliptic curve that no algorithm is for: expected P-256, P-384 "
                                "or P-521");
            key.type = curve->type;
            return key;
        }
        default:
            return unusable("a key of a kind that no algorithm is for: expected RSA, EC, Ed25519 "
                            "or Ed448");
        }
    }

    Result<Key> make_secret(std::string_view bytes)
    {
        EVP_PKEY* const made
            = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr, bytes_of(bytes), bytes.size());
        if (!made)
            return unusable("a secret that OpenSSL does not take");
        return Key {
            .type = KeyType::secret, .bits = bytes.size() * 8, .handle = { made, EVP_PKEY_free }
        };
    }

    // ---- PEM ----

    struct PemBlock {
        char* name = nullptr;
        char* header = nullptr;
        unsigned char* data = nullptr;
        long size = 0;
        PemBlock() = default;
        PemBlock(const PemBlock&) = delete;
        PemBlock& operator=(const PemBlock&) = delete;
        ~PemBlock()
        {
            OPENSSL_free(name);
            OPENSSL_free(header);
            OPENSSL_clear_free(data, static_cast<std::size_t>(size));
        }
    };

    Result<Key> read_block(const PemBlock& block)
    {
        const std::string_view name = block.name;
        const unsigned char* at = block.data;
        EVP_PKEY* made = nullptr;
        if (name == PEM_STRING_PUBLIC) {
            made = d2i_PUBKEY(nullptr, &at, block.size);
        } else if (name == PEM_STRING_RSA_PUBLIC) {
            made = d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, block.size);
        } else if (name == PEM_STRING_X509) {
            const Certificate certificate(d2i_X509(nullptr, &at, block.size));
            made = certificate ? X509_get_pubkey(certificate.get()) : nullptr;
        } else if (name.ends_with("PRIVATE KEY")) {
            return unusable("a private key, which is for whoever signs tokens: expected the public "
                            "one (openssl pkey -in KEY -pubout)");
        } else if (name.ends_with("PARAMETERS")) {
            return unusable("parameters without a key");
        } else {
            return unusable("a PEM block that is neither a public key nor a certificate");
        }
        if (!made)
            return unusable("a damaged PEM block");
        return make_key(made);
    }

    Result<KeySet> read_pem(std::string_view text)
    {
        const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
        KeySet set { {} };
        while (true) {
            PemBlock block;
            if (!PEM_read_bio(bio.get(), &block.name, &block.header, &block.data, &block.size))
                break;
            if (set.keys.size() + set.ignored.size() == most_keys)
                return unusable("more than " + std::to_string(most_keys) + " PEM blocks");
            auto key = read_block(block);
            if (key)
                set.keys.push_back(*std::move(key));
            else
                set.ignored.push_back(key.error().text);
        }
        // What ends the loop: no further block is as it should be, anything else is damage.
        const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        if (!is_end)
            return unusable("a damaged PEM block");
        return set;
    }

    // ---- JWK ----

    /// A parameter of a JWK that is bytes.
    std::optional<std::string> bytes_at(const Value& jwk, std::string_view name)
    {
        const Value* const value = jwk.find(name);
        if (!value || value->kind() != Value::Kind::string)
            return std::nullopt;
        auto bytes = from_base64url(value->as_string());
        return bytes && !bytes->empty() ? bytes : std::nullopt;
    }

    std::string_view text_at(const Value& jwk, std::string_view name)
    {
        const Value* const value = jwk.find(name);
        return value ? std::string_view(value->as_string()) : std::string_view();
    }

    EVP_PKEY* make_from(const char* type, OSSL_PARAM_BLD* builder)
    {
        const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
        const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
        EVP_PKEY* made = nullptr;
        if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) <= 0
            || EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) <= 0)
            return nullptr;
        return made;
    }

    /// RFC 7518 §6.3.1
    Result<Key> read_rsa(const Value& jwk)
    {
        const auto n = bytes_at(jwk, "n");
        const auto e = bytes_at(jwk, "e");
        if (!n || !e || n->size() > most_rsa_bits / 8)
            return unusable("a JWK of type RSA without a modulus and an exponent of sensible size");
        const Bignum modulus = number(*n);
        const Bignum exponent = number(*e);
        const ParameterBuilder builder(OSSL_PARAM_BLD_new());
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
        EVP_PKEY* const made = make_from("RSA", builder.get());
        if (!made)
            return unusable("a JWK of type RSA that is no key");
        return make_key(made);
    }

    /// RFC 7518 §6.2.1
    Result<Key> read_ec(const Value& jwk)
    {
        const auto curve = std::ranges::find(curves, text_at(jwk, "crv"), &Curve::name);
        if (curve == std::end(curves))
            return unusable("a JWK of a curve that no algorithm is for");
        const auto x = bytes_at(jwk, "x");
        const auto y = bytes_at(jwk, "y");
        if (!x || !y || x->size() != curve->width || y->size() != curve->width)
            return unusable("a JWK of type EC without coordinates of full length");
        // SEC 1 §2.3.3: the point as it is, not compressed.
        const std::string point = '\x04' + *x + *y;
        const ParameterBuilder builder(OSSL_PARAM_BLD_new());
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0);
        OSSL_PARAM_BLD_push_octet_string(
            builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
        EVP_PKEY* const made = make_from("EC", builder.get());
        if (!made)
            return unusable("a JWK of type EC that is no point of its curve");
        return make_key(made);
    }

    /// RFC 8037 §2
    Result<Key> read_okp(const Value& jwk)
    {
        const auto curve = text_at(jwk, "crv");
        const int type = curve == "Ed25519" ? EVP_PKEY_ED25519
            : curve == "Ed448"              ? EVP_PKEY_ED448
                                            : EVP_PKEY_NONE;
        if (type == EVP_PKEY_NONE)
            return unusable("a JWK of a curve that no algorithm is for");
        const auto x = bytes_at(jwk, "x");
        EVP_PKEY* const made
            = x ? EVP_PKEY_new_raw_public_key(type, nullptr, bytes_of(*x), x->size()) : nullptr;
        if (!made)
            return unusable("a JWK of type OKP that is no key");
        return make_key(made);
    }

    /// RFC 7517 §4.2, §4.3: what it may be used for, where it says so.
    bool is_for_verifying(const Value& jwk)
    {
        if (jwk.find("use") && text_at(jwk, "use") != "sig")
            return false;
        const Value* const operations = jwk.find("key_ops");
        return !operations || std::ranges::any_of(operations->as_array(), [](const Value& one) {
            return one.as_string() == "verify";
        });
    }

    Result<Key> read_jwk(const Value& jwk)
    {
        const auto type = text_at(jwk, "kty");
        if (!is_for_verifying(jwk))
            return unusable("a JWK that is not for verifying signatures");
        if (type != "oct" && jwk.find("d"))
            return unusable("a JWK with a private key, which is for whoever signs tokens: expected "
                            "the public one");
        Result<Key> key = unusable("a JWK of a type that no algorithm is for");
        if (type == "RSA")
            key = read_rsa(jwk);
        else if (type == "EC")
            key = read_ec(jwk);
        else if (type == "OKP")
            key = read_okp(jwk);
        else if (type == "oct") {
            const auto secret = bytes_at(jwk, "k");
            key = secret ? make_secret(*secret) : unusable("a JWK of type oct without a secret");
        }
        if (!key)
            return key.error();
        key->id = text_at(jwk, "kid");
        key->algorithm = text_at(jwk, "alg");
        return key;
    }

    Result<KeySet> read_json(std::string_view text)
    {
        const auto json = Value::parse_json(text, json_depth);
        if (!json)
            return unusable("expected a JWK or a JWK set: it is not JSON"); // whose bytes stay here
        const Value* const list = json->find("keys");
        const Value::Array alone { *json };
        const Value::Array& entries = list ? list->as_array() : alone;
        if (entries.size() > most_keys)
            return unusable("more than " + std::to_string(most_keys) + " keys");
        KeySet set { {} };
        for (const Value& entry : entries) {
            // RFC 7517 §5: what is not understood does not spoil the others.
            auto key = read_jwk(entry);
            if (key)
                set.keys.push_back(*std::move(key));
            else
                set.ignored.push_back(key.error().text);
        }
        return set;
    }

    Result<KeySet> read_secret(std::string_view text)
    {
        while (text.ends_with('\n') || text.ends_with('\r'))
            text.remove_suffix(1);
        if (text.empty())
            return unusable("the secret is empty");
        auto key = make_secret(text);
        if (!key)
            return key.error();
        return KeySet { { *std::move(key) } };
    }

}

Result<KeySet> read_keys(std::string_view text, bool may_be_secret)
{
    const auto first = text.find_first_not_of(" \t\r\n");
    Result<KeySet> set = unusable("the file is empty");
    if (first == text.npos)
        return set;
    if (text.find("-----BEGIN ") != text.npos)
        set = read_pem(text);
    else if (text[first] == '{' || text[first] == '[')
        set = read_json(text);
    else if (may_be_secret)
        set = read_secret(text);
    else
        set = unusable("expected public keys in PEM, a JWK or a JWK set");
    ERR_clear_error(); // what was damaged leaves its traces in the thread's queue
    if (!set)
        return set.error();
    if (set->keys.empty())
        return unusable(set->ignored.empty() ? "there is no key in it" : set->ignored.front());
    set->has_secret = std::ranges::find(set->keys, KeyType::secret, &Key::type) != set->keys.end();
    return set;
}

}
