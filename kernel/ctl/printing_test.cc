#include "printing.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::ctl;

namespace {

std::string text(const char* json)
{
    const auto value = Value::parse_json(json);
    REQUIRE(value);
    return to_text(*value);
}

}

TEST_CASE("a table is printed as aligned lines, with units")
{
    CHECK(text(R"({"version":"1","uptime_seconds":3700,"resident_bytes":1572864,"ok":true})")
        == "version   1\nuptime    1h 1min\nresident  1.5 MiB\nok        yes\n");
    CHECK(text(R"({"idle_seconds":90061})") == "idle  1d 1h\n");
    CHECK(text(R"({"a_bytes":1023})") == "a  1023 B\n");
}

TEST_CASE("a list of tables is printed in columns, numbers to the right")
{
    CHECK(text(R"([{"jid":"ä@b","priority":5},{"jid":"longer@b","priority":-10,"x":null}])")
        == "jid       priority  x\nä@b              5  -\nlonger@b       -10  -\n");
}

TEST_CASE("lists inside a table are indented columns, or one line")
{
    CHECK(text(R"({"ports":[1,2],"hosts":[{"domain":"a"},{"domain":"b"}]})")
        == "ports  1, 2\nhosts:\n  domain\n  a\n  b\n");
}

TEST_CASE("small answers")
{
    CHECK(text("null") == "done\n");
    CHECK(text("[]") == "none\n");
    CHECK(
        to_text(Value::Array(), "plugin refresh") == "every plugin is what its file on disk is\n");
    CHECK(to_text(Value::Array(), "whatever else") == "none\n");
    CHECK(text(R"(["a","b"])") == "a\nb\n");
    CHECK(text("5") == "5\n");
}

TEST_CASE("what a peer chose cannot drive the terminal")
{
    CHECK(text(R"({"option":"hosts.\"a\\\\b\""})") == "option  hosts.\"a\\\\b\"\n");
    CHECK(text(R"({"jid":"\u001b[31mred\n"})") == "jid  \\u001b[31mred\\n\n");
}
