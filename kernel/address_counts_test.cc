#include "address_counts.h"

#include <doctest/doctest.h>

using namespace nuncio::kernel;

TEST_CASE("an address may have as many streams as its limit says")
{
    AddressCounts counts;
    CHECK(counts.add("a", 2));
    CHECK(counts.add("a", 2));
    CHECK_FALSE(counts.add("a", 2));
    CHECK(counts.add("b", 2));
    counts.remove("a");
    CHECK(counts.add("a", 2));
    CHECK_FALSE(counts.add("c", 0));
    counts.remove("c"); // was never counted
}

TEST_CASE("IPv4 counts by address, IPv6 by the network that one customer has")
{
    CHECK(address_key("192.0.2.1") != address_key("192.0.2.2"));
    CHECK(address_key("::ffff:192.0.2.1") == address_key("192.0.2.1"));
    CHECK(address_key("2001:db8:0:1::1") == address_key("2001:db8:0:1:ffff::2"));
    CHECK(address_key("2001:db8:0:1::1") != address_key("2001:db8:0:2::1"));
    CHECK(address_key("unix") == "unix");
}
