#include "open_commands.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::adhoc;

namespace {

const TimePoint start {};

OpenCommand of(const char* owner)
{
    return { .owner = *Jid::parse(owner), .node = "node" };
}

using Found = OpenCommands::Found;

Found take(OpenCommands& open, const char* id, const char* owner, TimePoint now = start)
{
    OpenCommand command;
    return open.take(id, *Jid::parse(owner), "node", now, command);
}

}

TEST_CASE("only who began a command goes on with it, once at a time")
{
    OpenCommands open({});
    REQUIRE(open.put("1", of("a@b/c"), start));
    CHECK(take(open, "1", "a@b/d") == Found::no);
    CHECK(take(open, "2", "a@b/c") == Found::no);
    OpenCommand command;
    CHECK(open.take("1", *Jid::parse("a@b/c"), "other node", start, command) == Found::no);
    CHECK(take(open, "1", "a@b/c") == Found::yes);
    CHECK(take(open, "1", "a@b/c") == Found::no);
}

TEST_CASE("a command waits so long and not longer, and its owner alone is told")
{
    OpenCommands open({ .lifetime = 10s });
    REQUIRE(open.put("1", of("a@b/c"), start));
    REQUIRE(open.put("2", of("a@b/c"), start));
    CHECK(take(open, "1", "a@b/c", start + 10s - 1ns) == Found::yes);
    CHECK(take(open, "2", "a@b/d", start + 10s) == Found::no);
    CHECK(take(open, "2", "a@b/c", start + 10s) == Found::expired);
    REQUIRE(open.put("1", of("a@b/c"), start + 9s)); // every word of its owner gives it more time
    CHECK(take(open, "1", "a@b/c", start + 15s) == Found::yes);
}

TEST_CASE("an account has so many open, and its oldest makes room")
{
    OpenCommands open({ .of_account = 2 });
    REQUIRE(open.put("1", of("a@b/c"), start));
    REQUIRE(open.put("2", of("a@b/d"), start + 1s));
    REQUIRE(open.put("x", of("b@b/c"), start));
    REQUIRE(open.put("3", of("a@b/c"), start + 2s));
    CHECK(open.size() == 3);
    CHECK(take(open, "1", "a@b/c", start + 2s) == Found::expired);
    CHECK(take(open, "2", "a@b/d", start + 2s) == Found::yes);
    CHECK(take(open, "3", "a@b/c", start + 2s) == Found::yes);
    CHECK(take(open, "x", "b@b/c", start + 2s) == Found::yes);
}

TEST_CASE("all together have so many open, and nobody makes room for a stranger")
{
    OpenCommands open({ .altogether = 2, .lifetime = 10s });
    REQUIRE(open.put("1", of("a@b/c"), start));
    REQUIRE(open.put("2", of("b@b/c"), start));
    CHECK_FALSE(open.put("3", of("c@b/c"), start));
    CHECK(open.put("3", of("c@b/c"), start + 10s));
}

TEST_CASE("who has gone leaves nothing behind")
{
    OpenCommands open({});
    REQUIRE(open.put("1", of("a@b/c"), start));
    REQUIRE(open.put("2", of("a@b/d"), start));
    open.drop(*Jid::parse("a@b/c"));
    CHECK(open.size() == 1);
    CHECK(take(open, "1", "a@b/c") == Found::no);
}
