#include <nuncio/answer_cache.h>

#include <doctest/doctest.h>

using namespace nuncio;

namespace {

constexpr TimePoint start { std::chrono::hours(1) };

/// What a service answered about a password.
void keep(AnswerCache& cache, const std::string& user, std::string_view password, bool answer)
{
    cache.insert(user, cache.key("auth", user, password), answer, cache.changes(), start);
}

std::optional<bool> find(
    AnswerCache& cache, const std::string& user, std::string_view password, Duration later = {})
{
    return cache.find(user, cache.key("auth", user, password), start + later);
}

}

TEST_CASE("a yes and a no are kept for as long as each may be, and not a moment longer")
{
    AnswerCache cache({ .capacity = 8, .positive = 60s, .negative = 5s });
    keep(cache, "juliet", "right", true);
    keep(cache, "juliet", "wrong", false);
    CHECK(find(cache, "juliet", "wrong", 4999ms) == false);
    CHECK(find(cache, "juliet", "wrong", 5s) == std::nullopt);
    CHECK(find(cache, "juliet", "right", 59999ms) == true);
    CHECK(find(cache, "juliet", "right", 60s) == std::nullopt);
    CHECK(cache.size() == 0);
}

TEST_CASE("what is not to be kept is not")
{
    AnswerCache cache({ .capacity = 8, .positive = 60s, .negative = 0s });
    keep(cache, "juliet", "wrong", false);
    CHECK(find(cache, "juliet", "wrong") == std::nullopt);
    AnswerCache none({ .capacity = 0, .positive = 60s, .negative = 60s });
    keep(none, "juliet", "right", true);
    CHECK(none.size() == 0);
}

TEST_CASE("a key tells neither password nor user, and is of one cache only")
{
    AnswerCache cache({ .positive = 60s });
    AnswerCache other({ .positive = 60s });
    const std::string key = cache.key("auth", "juliet", "r0m30");
    CHECK(key.size() == 32);
    CHECK(key.find("r0m30") == key.npos);
    CHECK(key.find("juliet") == key.npos);
    CHECK(key != other.key("auth", "juliet", "r0m30"));
    CHECK(key == cache.key("auth", "juliet", "r0m30"));
    CHECK(key != cache.key("auth", "romeo", "r0m30"));
    CHECK(key != cache.key("auth", "juliet", "r0m31"));
    CHECK(cache.key("isuser", "juliet") != cache.key("auth", "juliet"));
}

TEST_CASE("the account that was not asked about for the longest time is forgotten for a new one")
{
    AnswerCache cache({ .capacity = 2, .positive = 60s });
    keep(cache, "a", "p", true);
    keep(cache, "b", "p", true);
    CHECK(find(cache, "a", "p") == true);
    keep(cache, "c", "p", true);
    CHECK(cache.size() == 2);
    CHECK(find(cache, "a", "p") == true);
    CHECK(find(cache, "b", "p") == std::nullopt);
    CHECK(find(cache, "c", "p") == true);
}

TEST_CASE("guesses at one account take the place of its own answers only")
{
    AnswerCache cache({ .capacity = 2, .positive = 60s, .negative = 60s });
    keep(cache, "romeo", "right", true);
    keep(cache, "juliet", "right", true);
    for (std::size_t i = 1; i < AnswerCache::answers_per_user; ++i)
        keep(cache, "juliet", std::to_string(i), false);
    CHECK(find(cache, "juliet", "right") == true);
    keep(cache, "juliet", "one more", false);
    CHECK(find(cache, "juliet", "right") == std::nullopt);
    CHECK(find(cache, "juliet", "1") == false);
    CHECK(find(cache, "juliet", "one more") == false);
    CHECK(find(cache, "romeo", "right") == true);
}

TEST_CASE("a later answer to the same question takes the place of the former")
{
    AnswerCache cache({ .capacity = 2, .positive = 60s, .negative = 60s });
    keep(cache, "juliet", "a", false);
    keep(cache, "juliet", "a", true);
    CHECK(find(cache, "juliet", "a") == true);
}

TEST_CASE("forgetting one account leaves the others, and stops what was asked before")
{
    AnswerCache cache({ .capacity = 8, .positive = 60s });
    keep(cache, "romeo", "p", true);
    keep(cache, "juliet", "old", true);
    const auto before = cache.changes();
    cache.forget("juliet");
    CHECK(find(cache, "juliet", "old") == std::nullopt);
    CHECK(find(cache, "romeo", "p") == true);
    // The service's answer was on its way while the password was changed.
    cache.insert("juliet", cache.key("auth", "juliet", "old"), true, before, start);
    CHECK(find(cache, "juliet", "old") == std::nullopt);
    cache.forget_all();
    CHECK(cache.size() == 0);
}
