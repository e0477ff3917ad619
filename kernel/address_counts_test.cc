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
