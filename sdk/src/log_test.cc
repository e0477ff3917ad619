#include <nuncio/log.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("each pair of braces takes the next argument")
{
    CHECK(format("bound {} in {} ms, {}", "a@b", 12, 0.5) == "bound a@b in 12 ms, 0.5");
    CHECK(format("no nouns") == "no nouns");
}

TEST_CASE("a missing argument leaves its braces, a spare one is ignored")
{
    CHECK(format("{} and {}", 1) == "1 and {}");
    CHECK(format("{}", 1, 2) == "1");
}

TEST_CASE("braces inside an argument are not filled in again")
{
    CHECK(format("{} {}", "{}", 2) == "{} 2");
}

TEST_CASE("a disabled level formats nothing and writes nothing")
{
    struct Quiet final : Log {
        int written = 0;
        bool is_enabled(Level level) const override { return level >= Level::warn; }
        void write(Level, std::string_view) override { ++written; }
    } log;
    log.info("not {}", 1);
    CHECK(log.written == 0);
    log.warn("but {}", 2);
    CHECK(log.written == 1);
}
