#include <nuncio/circuit_breaker.h>

#include <doctest/doctest.h>
#include <vector>

using namespace nuncio;

namespace {

constexpr TimePoint beginning { std::chrono::hours(1) };
constexpr CircuitBreaker::Options options { .failures = 3, .rest = 1s, .longest_rest = 3s };

/// Calls that are under way at the same time, and fail.
void fail(CircuitBreaker& breaker, int times)
{
    std::vector<CircuitBreaker::Call> calls;
    for (int i = 0; i < times; ++i)
        calls.push_back(*breaker.admit(beginning));
    for (auto& call : calls)
        call.failed(beginning, "nobody there");
}

}

TEST_CASE("a breaker opens at the last failure that it bears, not before")
{
    CircuitBreaker breaker(options);
    fail(breaker, 2);
    CHECK(breaker.admit(beginning));
    CHECK_FALSE(breaker.is_open(beginning));
    fail(breaker, 1);
    CHECK(breaker.is_open(beginning));
    const auto refused = breaker.admit(beginning + 999ms);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::unavailable);
    CHECK(refused.error().text.find("nobody there") != std::string::npos);
}

TEST_CASE("only failures in a row count")
{
    CircuitBreaker breaker(options);
    fail(breaker, 2);
    breaker.admit(beginning)->succeeded();
    CHECK(breaker.last_error().empty());
    fail(breaker, 2);
    CHECK(breaker.admit(beginning));
}

TEST_CASE("after its rest one call goes through, and decides")
{
    CircuitBreaker breaker(options);
    fail(breaker, 3);
    const auto later = beginning + 1s;
    auto probe = breaker.admit(later);
    REQUIRE(probe);
    CHECK_FALSE(breaker.admit(later));
    probe->succeeded();
    CHECK(breaker.admit(later));
}

TEST_CASE("a call that was not made leaves its place to the next one")
{
    CircuitBreaker breaker(options);
    fail(breaker, 3);
    CHECK(breaker.admit(beginning + 1s)); // dropped at once
    CHECK(breaker.admit(beginning + 1s));
}

TEST_CASE("each failed try doubles the rest, up to the longest")
{
    CircuitBreaker breaker(options);
    fail(breaker, 3);
    auto now = beginning + 1s;
    for (const auto rest : { 2s, 3s, 3s }) {
        auto probe = breaker.admit(now);
        REQUIRE(probe);
        probe->failed(now, "still nobody");
        CHECK_FALSE(breaker.admit(now + rest - 1ms));
        now += rest;
    }
}

TEST_CASE("calls that were under way when it opened do not lengthen the rest")
{
    CircuitBreaker breaker(options);
    fail(breaker, 8);
    CHECK_FALSE(breaker.admit(beginning + 999ms));
    CHECK(breaker.admit(beginning + 1s));
}

TEST_CASE("a breaker whose service was found to work again admits at once")
{
    CircuitBreaker breaker(options);
    fail(breaker, 3);
    CHECK_FALSE(breaker.admit(beginning));
    breaker.recovered();
    CHECK_FALSE(breaker.is_open(beginning));
    CHECK(breaker.last_error().empty());
    fail(breaker, 2);
    CHECK(breaker.admit(beginning));
}
