#include "command_line.h"
#include "help.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::ctl;

namespace {

using Words = std::vector<std::string>;

const Value& description()
{
    static const Value value = *Value::parse_json(R"json([
        {"name":"kick","summary":"End sessions.","arguments":[
            {"name":"jid","type":"jid","required":true,"doc":"whom"},
            {"name":"reason","type":"string","required":false,"doc":"why","default":"because"}]},
        {"name":"lua test","summary":"Test.","arguments":[
            {"name":"file","type":"file","required":false,"doc":"one script"}]},
        {"name":"plugin list","summary":"Plugins.","arguments":[]},
        {"name":"plugin load","summary":"Load.","arguments":[
            {"name":"plugin","type":"plugin","required":true,"doc":"which"},
            {"name":"dry-run","type":"boolean","required":false,"doc":"only try"}]},
        {"name":"register","summary":"Make an account.","arguments":[
            {"name":"jid","type":"jid","required":true,"doc":"who"},
            {"name":"password","type":"string","required":true,"secret":true,"doc":"secret"}]},
        {"name":"user-resources","summary":"Sessions.","aliases":["sessions"],"arguments":[
            {"name":"jid","type":"jid","required":true,"doc":"whose"}]}
    ])json");
    return value;
}

const Value& command(const Words& words)
{
    std::size_t used = 0;
    const Value* found = find_command(description(), words, used);
    REQUIRE(found);
    return *found;
}

std::string arguments(const Words& name, const Words& words)
{
    const auto read = read_arguments(command(name), words);
    return read ? read->json() : "error: " + read.error().text;
}

}

TEST_CASE("options before the command are nuncioctl's own")
{
    const auto read = read_invocation({ "--json", "--data", "/d", "kick", "--reason", "x" });
    REQUIRE(read);
    CHECK(read->as_json);
    CHECK(read->socket == "/d/run/nuncioctl.sock");
    CHECK(read->words == Words { "kick", "--reason", "x" });
    CHECK(read_invocation({ "--socket=/s", "status" })->socket == "/s");
    CHECK(read_invocation({ "status", "--json" })->as_json);
    CHECK(read_invocation({ "register", "a@b", "--", "--json" })->words.size() == 4);
    CHECK(read_invocation({ "--jsno" }).error().text
        == "there is no option --jsno; did you mean --json?");
    CHECK(read_invocation({ "--socket" }).error().text == "--socket: expected a path after it");
}

TEST_CASE("a command may have two words")
{
    std::size_t used = 0;
    REQUIRE(find_command(description(), { "plugin", "load", "x" }, used));
    CHECK(used == 2);
    REQUIRE(find_command(description(), { "kick", "load" }, used));
    CHECK(used == 1);
    CHECK_FALSE(find_command(description(), { "plugin" }, used));
}

TEST_CASE("a command answers to its other names")
{
    CHECK(text_of(command({ "sessions" }), "name") == "user-resources");
    CHECK(command_help(command({ "sessions" })).find("also: nuncioctl sessions")
        != std::string::npos);
}

TEST_CASE("an unknown command is told with the nearest, a group with its members")
{
    CHECK(unknown_command(description(), { "kcik" }).text
        == "there is no command \"kcik\"; did you mean \"kick\"?");
    CHECK(unknown_command(description(), { "plugin" }).text
        == "\"plugin\" is a group of commands: plugin list, plugin load");
    CHECK(unknown_command(description(), { "zebra" }).text
        == "there is no command \"zebra\"; see nuncioctl help (a plugin's commands are there "
           "while it is loaded)");
}

TEST_CASE("required arguments stand in their order, any may be named")
{
    CHECK(arguments({ "kick" }, { "a@b" }) == R"({"jid":"a@b"})");
    CHECK(arguments({ "kick" }, { "a@b", "--reason", "x" }) == R"({"jid":"a@b","reason":"x"})");
    CHECK(arguments({ "kick" }, { "--reason=x=y", "a@b" }) == R"({"reason":"x=y","jid":"a@b"})");
    CHECK(
        arguments({ "register" }, { "--jid", "a@b", "pw" }) == R"({"jid":"a@b","password":"pw"})");
    CHECK(
        arguments({ "register" }, { "a@b", "--", "--pw" }) == R"({"jid":"a@b","password":"--pw"})");
    CHECK(arguments({ "plugin", "load" }, { "--dry-run", "x" })
        == R"({"dry-run":true,"plugin":"x"})");
}

TEST_CASE("a file stands in its place also where it may be left out")
{
    CHECK(arguments({ "lua", "test" }, {}) == "{}");
    CHECK(arguments({ "lua", "test" }, { "footer" }) == R"({"file":"footer"})");
    CHECK(arguments({ "lua", "test" }, { "--file", "footer" }) == R"({"file":"footer"})");
    CHECK(usage_of(command({ "lua", "test" })) == "lua test [FILE]");
    CHECK(arguments({ "lua", "test" }, { "footer", "x" })
        == "error: there is nothing that \"x\" could be; the usage is: lua test [FILE]");
}

TEST_CASE("a group is its commands")
{
    CHECK(group_of(description(), "plugin").as_array().size() == 2);
    CHECK(group_of(description(), "plug").as_array().empty());
    CHECK(group_of(description(), "kick").as_array().empty());
    const std::string list = command_list(group_of(description(), "plugin"));
    CHECK(list.starts_with("commands:\n  plugin list "));
    CHECK(list.find("kick") == list.npos);
}

TEST_CASE("wrong arguments are told with the usage")
{
    CHECK(arguments({ "kick" }, { "a@b", "c" })
        == "error: there is nothing that \"c\" could be; the usage is: kick JID [--reason REASON]");
    CHECK(arguments({ "kick" }, { "--why", "c" })
        == "error: there is no option --why; the usage is: kick JID [--reason REASON]");
    CHECK(arguments({ "kick" }, { "--reason" }) == "error: --reason: expected a value after it");
    CHECK(usage_of(command({ "register" })) == "register JID [PASSWORD]");
    CHECK(usage_of(command({ "plugin", "load" })) == "plugin load PLUGIN [--dry-run]");
}

TEST_CASE("help shows a command with its arguments")
{
    CHECK(command_help(command({ "kick" }))
        == "usage: nuncioctl kick JID [--reason REASON]\nEnd sessions.\n  jid (jid): whom\n"
           "  --reason (string): why; because if left out\n");
}
