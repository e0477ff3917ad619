#include "scram.h"

#include <doctest/doctest.h>

using namespace nuncio::bench;

TEST_CASE("the exchange of RFC 5802 §5")
{
    ScramCache cache({});
    ScramClient client(Mechanism::scram_sha_1, "user", "fyko+d2lbbFgONRv9qkxdawL");
    CHECK(client.first() == "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    CHECK(client.final("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
              "pencil", cache)
        == "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    CHECK(client.verify("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="));
    CHECK_FALSE(client.verify("v=rmF9pqV8S7suAoZWja4dJRkFsKA="));
}

TEST_CASE("the exchange of RFC 7677 §3")
{
    ScramCache cache({});
    ScramClient client(Mechanism::scram_sha_256, "user", "rOprNGfwEbeRWgbNEkqO");
    CHECK(client.final("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                       "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
              "pencil", cache)
        == "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
           "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK(client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
}

TEST_CASE("a challenge with a foreign nonce or without a salt gets no answer")
{
    ScramCache cache({});
    ScramClient client(Mechanism::scram_sha_1, "user", "abc");
    CHECK(client.final("r=xyz,s=QSXCR+Q6sek8bf92,i=4096", "pencil", cache).empty());
    CHECK(client.final("r=abcd,i=4096", "pencil", cache).empty());
}
