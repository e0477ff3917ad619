#include <nuncio/crypto.h>
#include <nuncio/scram.h>

#include <doctest/doctest.h>

using namespace nuncio;

namespace {

std::string exclusive_or(std::string a, const std::string& b)
{
    for (std::size_t i = 0; i < a.size(); ++i)
        a[i] = static_cast<char>(a[i] ^ b[i]);
    return a;
}

/// Plays both sides of an example exchange from the RFCs: proof and server signature.
void check_example(ScramHash hash, std::string_view salt, std::string_view auth_message,
    std::string_view proof, std::string_view signature)
{
    const auto keys = make_scram_keys("pencil", *from_base64(salt), 4096, hash);
    const auto client_key
        = scram_client_key(scram_salted_password("pencil", keys.salt, 4096, hash), hash);
    CHECK(to_base64(exclusive_or(client_key, hmac(hash, keys.stored_key, auth_message))) == proof);
    CHECK(to_base64(hmac(hash, keys.server_key, auth_message)) == signature);
}

}

TEST_CASE("SCRAM-SHA-1 keys reproduce the example of RFC 5802 §5")
{
    check_example(ScramHash::sha1, "QSXCR+Q6sek8bf92",
        "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

TEST_CASE("SCRAM-SHA-256 keys reproduce the example of RFC 7677 §3")
{
    check_example(ScramHash::sha256, "W22ZaJ0SNY7soEsUEjb6gQ==",
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_CASE("a password matches only the keys made from it")
{
    const auto keys = make_scram_keys("pencil", "salt", 4096, ScramHash::sha512);
    CHECK(keys.stored_key.size() == 64);
    CHECK(matches_scram_keys("pencil", keys, ScramHash::sha512));
    CHECK_FALSE(matches_scram_keys("pencil ", keys, ScramHash::sha512));
    CHECK_FALSE(matches_scram_keys("", keys, ScramHash::sha512));
}
