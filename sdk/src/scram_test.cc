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

TEST_CASE("RFC 5803: keys are read back as they were written, and nothing else is")
{
    for (const auto hash : { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 }) {
        const ScramKeys keys = make_scram_keys("pencil", "salt and pepper!", 4096, hash);
        const std::string text = to_text(hash, keys);
        const auto read = parse_scram_keys(text);
        REQUIRE(read);
        CHECK(read->hash == hash);
        CHECK(read->keys.iterations == 4096);
        CHECK(matches_scram_keys("pencil", read->keys, hash));
        for (const std::string& bad :
            { text.substr(1), text + " ", text.substr(0, text.size() - 4), text + ":" + text,
                std::string("SCRAM-SHA-3") + text.substr(text.find('$')), std::string() })
            CHECK_FALSE(parse_scram_keys(bad));
    }
}

TEST_CASE("keys from elsewhere do not decide how long a login computes")
{
    ScramKeys keys = make_scram_keys("pencil", "salt", 1, ScramHash::sha1);
    const auto is_fine = [&] { return problem_with(keys, ScramHash::sha1).empty(); };
    CHECK(is_fine());
    CHECK_FALSE(problem_with(keys, ScramHash::sha256).empty());
    keys.iterations = 10'000'000;
    CHECK(is_fine());
    CHECK(parse_scram_keys(to_text(ScramHash::sha1, keys)));
    keys.iterations = 10'000'001;
    CHECK_FALSE(is_fine());
    CHECK_FALSE(parse_scram_keys(to_text(ScramHash::sha1, keys)));
    keys.iterations = 0;
    CHECK_FALSE(is_fine());
    keys.iterations = 1;
    keys.salt = std::string(1024, 's');
    CHECK(is_fine());
    keys.salt += 's';
    CHECK_FALSE(is_fine());
    keys.salt.clear();
    CHECK_FALSE(is_fine());
}

TEST_CASE("a stable salt is the same every time, and another for everything that it is made of")
{
    const auto salt = stable_salt("secret", "juliet", ScramHash::sha1, 16);
    CHECK(salt.size() == 16);
    CHECK(salt == stable_salt("secret", "juliet", ScramHash::sha1, 16));
    CHECK(salt != stable_salt("secrets", "juliet", ScramHash::sha1, 16));
    CHECK(salt != stable_salt("secret", "romeo", ScramHash::sha1, 16));
    CHECK(salt != stable_salt("secret", "juliet", ScramHash::sha256, 16));
    CHECK(stable_salt("secret", "juliet", ScramHash::sha1, 64).size() == 64);
    CHECK(stable_salt("secret", "juliet", ScramHash::sha1, 65).size() == 64);
}
