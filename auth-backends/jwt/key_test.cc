#include "base64url.h"
#include "key.h"
#include "key_reader.h"
#include "signer.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::jwt;
using testing::algorithm;
using testing::Signer;
using testing::to_base64url;
using namespace std::string_literals;

namespace {

// RFC 7515 §A.1 to §A.3: one payload, three signatures.
const std::string rfc_payload
    = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ";
const std::string rfc_oct = R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0)"
                            R"(gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
const std::string rfc_rsa
    = R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4q)"
      R"(PCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0L)"
      R"(OL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Zw)"
      R"(Kh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ")"
      R"(,"e":"AQAB"})";
const std::string rfc_ec
    = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPH)"
      R"(vRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
// RFC 8037 §A.2
const std::string rfc_okp
    = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

Key only_key(std::string_view text, bool may_be_secret = false)
{
    auto set = read_keys(text, may_be_secret);
    REQUIRE_MESSAGE(set, (set ? "" : set.error().text));
    REQUIRE(set->keys.size() == 1);
    return set->keys.front();
}

std::string refusal(std::string_view text, bool may_be_secret = false)
{
    const auto set = read_keys(text, may_be_secret);
    return set ? "it was taken" : set.error().text;
}

bool verifies(const Key& key, std::string_view name, std::string_view text, std::string_view sig)
{
    const auto signature = from_base64url(sig);
    REQUIRE(signature);
    return key.fits(algorithm(name)) && key.verifies(algorithm(name), text, *signature);
}

}

TEST_CASE("the examples of RFC 7515 and RFC 8037 are verified with their JWKs")
{
    CHECK(verifies(only_key(rfc_oct), "HS256",
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfc_payload,
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    CHECK(verifies(only_key(rfc_rsa), "RS256", "eyJhbGciOiJSUzI1NiJ9." + rfc_payload,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
        "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
        "MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeY"
        "I2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"));
    CHECK(verifies(only_key(rfc_ec), "ES256", "eyJhbGciOiJFUzI1NiJ9." + rfc_payload,
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
    CHECK(verifies(only_key(rfc_okp), "EdDSA",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"));
}

TEST_CASE("each algorithm verifies what was signed by it, and nothing that was touched")
{
    const std::string secret(64, 's');
    const std::pair<std::string, Signer> signers[] = {
        { "RSP", Signer::rsa() },
        { "ES256", Signer::ec("P-256") },
        { "ES384", Signer::ec("P-384") },
        { "ES512", Signer::ec("P-521") },
        { "Ed25519", Signer::ed("ED25519") },
        { "Ed448", Signer::ed("ED448") },
        { "HS", Signer::secret(secret) },
    };
    std::size_t tried = 0;
    for (const auto& [kind, signer] : signers) {
        const Key key = only_key(kind == "HS" ? secret : signer.public_pem(), kind == "HS");
        for (const Algorithm& one : algorithms()) {
            if (!key.fits(one))
                continue;
            CAPTURE(one.name);
            ++tried;
            const auto good = signer.sign(one, "header.payload");
            CHECK(key.verifies(one, "header.payload", good));
            CHECK_FALSE(key.verifies(one, "header.payloac", good));
            CHECK_FALSE(key.verifies(one, "header.payload", ""));
            CHECK_FALSE(key.verifies(one, "header.payload", good.substr(1)));
            CHECK_FALSE(key.verifies(one, "header.payload", good + '\0'));
            for (const std::size_t at : { std::size_t(0), good.size() / 2, good.size() - 1 }) {
                std::string wrong = good;
                wrong[at] = static_cast<char>(wrong[at] ^ 1);
                CHECK_FALSE(key.verifies(one, "header.payload", wrong));
            }
        }
    }
    CHECK(tried == algorithms().size());
}

TEST_CASE("an RSA signature is as long as the modulus, also where it begins with a zero")
{
    const auto signer = Signer::rsa();
    const Key key = only_key(signer.public_pem());
    for (const char* const name : { "RS256", "PS256" }) {
        // One in 256 does.
        for (int i = 0;; ++i) {
            const std::string text = "text " + std::to_string(i);
            const auto signature = signer.sign(algorithm(name), text);
            if (signature.front() != '\0')
                continue;
            CHECK(key.verifies(algorithm(name), text, signature));
            CHECK_FALSE(key.verifies(algorithm(name), text, signature.substr(1)));
            CHECK_FALSE(key.verifies(algorithm(name), text, '\0' + signature));
            break;
        }
    }
}

TEST_CASE("a signature of zeros is nobody's (CVE-2022-21449)")
{
    const Key key = only_key(rfc_ec);
    CHECK_FALSE(key.verifies(algorithm("ES256"), "text", std::string(64, '\0')));
    CHECK_FALSE(key.verifies(algorithm("ES256"), "text", ""));
}

TEST_CASE("an ECDSA signature in DER is not one (RFC 7518 §3.4)")
{
    const auto signer = Signer::ec("P-256");
    const Key key = only_key(signer.public_pem());
    Algorithm der = algorithm("ES256");
    der.half = 0;
    CHECK_FALSE(key.verifies(algorithm("ES256"), "text", signer.sign(der, "text")));
}

TEST_CASE("a key is good for algorithms of its own kind and curve only")
{
    const Key rsa = only_key(rfc_rsa);
    CHECK(rsa.fits(algorithm("RS512")));
    CHECK(rsa.fits(algorithm("PS256")));
    for (const char* const name : { "ES256", "HS256", "EdDSA" })
        CHECK_FALSE(rsa.fits(algorithm(name)));
    const Key ec = only_key(rfc_ec);
    CHECK_FALSE(ec.fits(algorithm("ES384")));
    CHECK_FALSE(ec.fits(algorithm("HS256")));
}

TEST_CASE("a secret is at least as long as the digest (RFC 7518 §3.2)")
{
    CHECK(only_key(std::string(32, 's'), true).fits(algorithm("HS256")));
    CHECK_FALSE(only_key(std::string(31, 's'), true).fits(algorithm("HS256")));
    CHECK_FALSE(only_key(std::string(47, 's'), true).fits(algorithm("HS384")));
    CHECK(only_key(std::string(48, 's') + "\r\n", true).fits(algorithm("HS384")));
    CHECK_FALSE(only_key(std::string(63, 's'), true).fits(algorithm("HS512")));
}

TEST_CASE("RSA keys from 2048 bits on (RFC 7518 §3.3), up to a bound")
{
    CHECK(only_key(Signer::rsa(least_rsa_bits).public_pem()).bits == least_rsa_bits);
    CHECK(refusal(Signer::rsa(least_rsa_bits - 8).public_pem()).find("2040 bits")
        != std::string::npos);
    const auto of_bits = [](std::size_t bits) {
        return R"({"kty":"RSA","e":"AQAB","n":")"
            + to_base64url('\xC0' + std::string(bits / 8 - 2, '\0') + '\x01') + "\"}";
    };
    CHECK(only_key(of_bits(most_rsa_bits)).bits == most_rsa_bits);
    CHECK(refusal(of_bits(most_rsa_bits + 8)) != "it was taken");
}

TEST_CASE("neither PEM nor JSON is ever taken for a secret")
{
    const std::string pem = Signer::rsa().public_pem();
    CHECK(only_key(pem, true).type == KeyType::rsa);
    CHECK(only_key("\n" + pem, true).type == KeyType::rsa);
    CHECK(refusal(pem.substr(0, pem.size() / 2), true) != "it was taken");
    CHECK(refusal("-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n", true)
        != "it was taken");
    CHECK(only_key(rfc_rsa, true).type == KeyType::rsa);
    CHECK(refusal(R"({"kty":"RSA")", true).find("not JSON") != std::string::npos);
    CHECK(refusal("a secret that is long enough for anything", false) != "it was taken");
    CHECK(refusal("", true) == "the file is empty");
    CHECK(refusal(" \n", true) == "the file is empty");
}

TEST_CASE("private keys are refused with a hint, and no error shows what is in the file")
{
    for (const auto& text :
        { Signer::rsa().private_pem(), Signer::ec("P-256").private_pem(),
            R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":)"
            R"("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"s }) {
        const auto error = refusal(text);
        CHECK(error.find("private key") != error.npos);
        CHECK(error.find("nWGxne") == error.npos);
    }
    CHECK(refusal(R"({"k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ" no json)").find("AyM1")
        == std::string::npos);
}

TEST_CASE("a file of several PEM blocks gives several keys, and tells which it left out")
{
    const auto one = Signer::rsa();
    const auto two = Signer::ec("P-384");
    const auto set = read_keys(one.public_pem() + two.public_pem() + two.private_pem(), false);
    REQUIRE(set);
    REQUIRE(set->keys.size() == 2);
    CHECK(set->keys[1].type == KeyType::p384);
    REQUIRE(set->ignored.size() == 1);
    CHECK(set->ignored.front().find("private") != std::string::npos);
    CHECK_FALSE(set->has_secret);
}

TEST_CASE("a JWK set: names, algorithms, uses, and what is not understood (RFC 7517 §5)")
{
    const auto with = [](std::string jwk, std::string_view more) {
        jwk.pop_back();
        return jwk + std::string(more) + '}';
    };
    const std::string text = R"({"keys":[)" + with(rfc_rsa, R"(,"kid":"a","alg":"RS256")") + ','
        + with(rfc_ec, R"(,"kid":"b","use":"sig","key_ops":["verify"])") + ','
        + with(rfc_ec, R"(,"use":"enc")") + ',' + with(rfc_ec, R"(,"key_ops":["deriveKey"])")
        + R"(,{"kty":"XYZ"},{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"},)"
        + with(rfc_oct, R"(,"kid":"c")") + "]}";
    const auto set = read_keys(text, false);
    REQUIRE(set);
    REQUIRE(set->keys.size() == 3);
    CHECK(set->ignored.size() == 4);
    CHECK(set->has_secret);
    CHECK(set->keys[0].id == "a");
    CHECK(set->keys[0].fits(algorithm("RS256")));
    CHECK_FALSE(set->keys[0].fits(algorithm("PS256")));
    CHECK(set->keys[1].id == "b");
}

TEST_CASE("a JWK that is no key is refused")
{
    for (const char* const wrong : {
             R"({"keys":[]})",
             R"([])",
             R"({"kty":"RSA","e":"AQAB"})",
             R"({"kty":"RSA","n":"AQAB","e":"AQAB"})",
             R"({"kty":"RSA","n":17,"e":"AQAB"})",
             // A point that does not lie on the curve, and one with a coordinate cut short.
             R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":)"
             R"("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})",
             R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":)"
             R"("AA"})",
             R"({"kty":"OKP","crv":"Ed25519","x":"AA"})",
             R"({"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
             R"({"kty":"oct"})",
             R"({"kty":"oct","k":""})",
             R"({"kty":"oct","k":"AA==" })",
         }) {
        CAPTURE(wrong);
        CHECK(refusal(wrong) != "it was taken");
    }
}

TEST_CASE("as many keys as may be are read, and one more is refused")
{
    std::string list;
    for (std::size_t i = 0; i < most_keys; ++i)
        list += (i ? "," : "") + rfc_okp;
    const auto most = read_keys(R"({"keys":[)" + list + "]}", false);
    REQUIRE(most);
    CHECK(most->keys.size() == most_keys);
    CHECK(refusal(R"({"keys":[)" + list + ',' + rfc_okp + "]}").find("more than")
        != std::string::npos);
    const std::string pem = Signer::ed("ED25519").public_pem();
    std::string blocks;
    for (std::size_t i = 0; i < most_keys; ++i)
        blocks += pem;
    CHECK(read_keys(blocks, false));
    CHECK(refusal(blocks + pem).find("more than") != std::string::npos);
}
