#include <nuncio/crypto.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("digests and keyed digests are those of their standards")
{
    CHECK(to_hex(digest(Hash::sha1, "abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(to_hex(digest(Hash::sha256, ""))
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digest(Hash::sha512, "abc").size() == 64);
    // RFC 2202 test case 2, RFC 4231 test case 2.
    CHECK(to_hex(hmac(Hash::sha1, "Jefe", "what do ya want for nothing?"))
        == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    CHECK(to_hex(hmac(Hash::sha256, "Jefe", "what do ya want for nothing?"))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("base64 writes the vectors of RFC 4648 and reads them back")
{
    const std::pair<const char*, const char*> vectors[]
        = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
              { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
    for (const auto& [plain, text] : vectors) {
        CHECK(to_base64(plain) == text);
        CHECK(from_base64(text) == std::string(plain));
    }
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
        all += static_cast<char>(byte);
    CHECK(from_base64(to_base64(all)) == all);
}

TEST_CASE("base64 refuses everything that is not one exact spelling")
{
    for (const char* wrong : { "Zg", "Zg=", "Z===", "====", "=", "Zm9v\n", " Zm9v", "Zm 9",
             "Zg==Zg==", "Zm8=Zm9v", "Zh==", "Zm9=", "Zm9-", "Zm9_", "Z=9v", "Zm=v", "Zm9v=" }) {
        CAPTURE(wrong);
        CHECK_FALSE(from_base64(wrong).has_value());
    }
    CHECK_FALSE(from_base64(std::string_view("Zm9\0", 4)).has_value());
}

TEST_CASE("secrets are equal only with equal length and bytes")
{
    CHECK(equal_in_constant_time("", ""));
    CHECK(equal_in_constant_time("abc", "abc"));
    CHECK_FALSE(equal_in_constant_time("abc", "abd"));
    CHECK_FALSE(equal_in_constant_time("abc", "ab"));
}

TEST_CASE("random bytes differ")
{
    CHECK(random_bytes(16).size() == 16);
    CHECK(random_bytes(16) != random_bytes(16));
}
