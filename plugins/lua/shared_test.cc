#include "record.h"
#include "shared.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::lua;

TEST_CASE("a counter adds up until it expires")
{
    Shared shared({});
    const TimePoint start { 1h };
    CHECK(shared.add("k", 1, start, 10s) == 1);
    CHECK(shared.add("k", 2, start + 9s, 10s) == 3);
    CHECK(shared.add("k", 1, start + 10s, 10s) == 1); // adding did not prolong it
    CHECK(shared.once("o", start, 1s));
    CHECK_FALSE(shared.once("o", start, 1s));
    CHECK(shared.once("o", start + 1s, 1s));
    shared.set("v", Value("text"), start, 1s);
    CHECK(shared.get("v", start) == Value("text"));
    CHECK(shared.get("v", start + 1s).is_null());
    shared.remove("k");
    CHECK(shared.get("k", start).is_null());
}

TEST_CASE("when shared values are too many, what expires next goes first")
{
    Shared shared({ .keys = 160 });
    const TimePoint start { 1h };
    for (int i = 0; i < 10'000; ++i)
        shared.set("key " + std::to_string(i), Value(i), start, Duration(1s) * (i + 1));
    CHECK(shared.size() <= 160);
    CHECK(shared.size() > 100);
    CHECK(shared.get("key 9999", start) == Value(9999));
    CHECK(shared.get("key 0", start).is_null());
    Shared large({ .keys = 1'000'000, .bytes = 160'000 });
    for (int i = 0; i < 1000; ++i)
        large.set("key " + std::to_string(i), Value(std::string(1000, 'x')), start, 1h);
    CHECK(large.size() <= 160);
}

TEST_CASE("a script rests after too many failures within the window, and is forgiven")
{
    Record record({ .failures = 3, .window = 10s, .time = 60s });
    const TimePoint start { 1h };
    CHECK_FALSE(record.note_failure(Excess::none, "a", start));
    CHECK_FALSE(record.note_failure(Excess::time, "b", start + 5s));
    CHECK_FALSE(record.note_failure(Excess::none, "c", start + 10s)); // the first is out of it
    CHECK_FALSE(record.is_resting(start + 10s));
    CHECK(record.note_failure(Excess::none, "d", start + 11s));
    CHECK(record.is_resting(start + 70s));
    CHECK_FALSE(record.is_resting(start + 71s));
    CHECK(record.last_failure() == "d");
    CHECK(record.failures == 4);
    record.forgive();
    CHECK_FALSE(record.is_resting(start + 12s));
}

TEST_CASE("a script logs so many lines in a minute, and not one more")
{
    Record record({});
    const TimePoint start { 1h };
    CHECK(record.may_log(start, 2));
    CHECK(record.may_log(start, 2));
    CHECK_FALSE(record.may_log(start + 59s, 2));
    CHECK(record.may_log(start + 60s, 2));
}
