#include <nuncio/date.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("times are written in UTC, without fractions, also before 1970")
{
    CHECK(utc_text(WallTime(0ms)) == "1970-01-01T00:00:00Z");
    CHECK(utc_text(WallTime(951782399999ms)) == "2000-02-28T23:59:59Z");
    CHECK(utc_text(WallTime(-1ms)) == "1969-12-31T23:59:59Z");
}
