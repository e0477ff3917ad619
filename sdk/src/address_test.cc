#include <nuncio/address.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("an IPv6 network counts as one")
{
    CHECK(network_of("2001:db8::1") == network_of("2001:db8::ffff:1"));
    CHECK(network_of("2001:db8:0:1::1") != network_of("2001:db8::1"));
    CHECK(network_of("::ffff:192.0.2.1") == "192.0.2.1");
    CHECK(is_loopback("127.0.0.1"));
    CHECK(is_loopback("::1"));
    CHECK(is_loopback("::ffff:127.0.0.1"));
    CHECK_FALSE(is_loopback("192.0.2.1"));
    CHECK_FALSE(is_loopback("::2"));
}
