#include "attempts.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::accounts;

namespace {

constexpr TimePoint start { std::chrono::hours(1) };
constexpr Attempts::Options strict { .free = 3,
    .first_delay = 1s,
    .longest_delay = 8s,
    .forgiveness = std::chrono::minutes(1),
    .remembered = 4 };

}

TEST_CASE("the first failures cost nothing, each one after them costs twice as much")
{
    Attempts attempts(strict);
    auto now = start;
    for (int i = 0; i < 3; ++i)
        CHECK(attempts.begin("romeo", now) == 0s);
    for (const Duration expected : { 1s, 2s, 4s, 8s, 8s }) {
        const auto delay = attempts.begin("romeo", now);
        REQUIRE(delay);
        CHECK(*delay == expected);
        now += *delay;
    }
    CHECK(attempts.begin("juliet", now) == 0s);
}

TEST_CASE("many attempts at once stand in one line, and the line has an end")
{
    Attempts attempts(strict);
    for (int i = 0; i < 3; ++i)
        CHECK(attempts.begin("romeo", start) == 0s);
    CHECK(attempts.begin("romeo", start) == 1s);
    CHECK(attempts.begin("romeo", start) == 3s);
    CHECK(attempts.begin("romeo", start) == 7s);
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(attempts.begin("romeo", start));
        attempts.take_back("romeo");
    }
    CHECK(attempts.begin("romeo", start + 7s) == 8s);
}

TEST_CASE("an attempt that was no wrong guess does not count")
{
    Attempts attempts(strict);
    for (int i = 0; i < 100; ++i) {
        CHECK(attempts.begin("romeo", start) == 0s);
        attempts.take_back("romeo");
    }
    for (int i = 0; i < 3; ++i)
        CHECK(attempts.begin("romeo", start) == 0s);
    attempts.forgive("romeo");
    CHECK(attempts.begin("romeo", start) == 0s);
    attempts.take_back("nobody");
}

TEST_CASE("where only wrong guesses count, any number may be under way, until enough were wrong")
{
    auto once_wrong = strict;
    once_wrong.counted = Attempts::Counted::once_wrong;
    Attempts attempts(once_wrong);
    for (int i = 0; i < 1000; ++i)
        CHECK(attempts.begin("a network", start) == 0s);
    for (int i = 0; i < 900; ++i)
        attempts.take_back("a network");
    for (int i = 0; i < 2; ++i)
        attempts.was_wrong("a network", start);
    CHECK(attempts.begin("a network", start) == 0s);
    attempts.was_wrong("a network", start);
    // From now on they stand in line, each behind the one before.
    CHECK(attempts.begin("a network", start) == 1s);
    CHECK(attempts.begin("a network", start) == 2s);
    attempts.was_wrong("a network", start);
    CHECK(attempts.begin("a network", start) == 4s);
    CHECK(attempts.begin("a network", start) == 6s);
    CHECK(attempts.begin("a network", start) == 8s);
    CHECK_FALSE(attempts.begin("a network", start));
    attempts.take_back("a network");
    CHECK(attempts.begin("another", start) == 0s);
    CHECK(attempts.begin("a network", start + 5min) == 0s);
}

TEST_CASE("failures are forgotten one by one")
{
    Attempts attempts(strict);
    for (int i = 0; i < 3; ++i)
        (void)attempts.begin("romeo", start);
    const auto later = start + 1min;
    CHECK(attempts.begin("romeo", later) == 0s);
    CHECK(attempts.begin("romeo", later) == 1s);
    CHECK(attempts.begin("romeo", start + 24h) == 0s);
}

TEST_CASE("as many are remembered as there is room for")
{
    Attempts attempts(strict);
    for (const auto* name : { "a", "b", "c", "d" })
        for (int i = 0; i < 3; ++i)
            (void)attempts.begin(name, start);
    CHECK(attempts.begin("a", start) == 1s);
    CHECK(attempts.begin("e", start) == 0s); // in the place of b
    CHECK(attempts.begin("a", start) == 3s);
    CHECK(attempts.begin("b", start) == 0s);
}

TEST_CASE("a reload forgives nothing")
{
    Attempts attempts(strict);
    for (int i = 0; i < 4; ++i)
        (void)attempts.begin("romeo", start);
    Snapshot snapshot;
    attempts.save(snapshot, "accounts");
    Attempts next(strict);
    next.restore(snapshot, "accounts");
    CHECK(next.begin("romeo", start) == 3s);
}
