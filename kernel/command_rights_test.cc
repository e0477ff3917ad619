#include "command_rights.h"
#include "settings.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

Settings settings_with_admins()
{
    Settings settings;
    settings.admins = { "root@a.lit" };
    settings.hosts.resize(2);
    settings.hosts[0].domain = "a.lit";
    settings.hosts[0].admins = { "ana@a.lit", "both@a.lit" };
    settings.hosts[1].domain = "b.lit";
    settings.hosts[1].admins = { "both@a.lit", "bob@b.lit" };
    return settings;
}

CommandCaller user(const char* jid)
{
    return CommandCaller::user(settings_with_admins(), *Jid::parse(jid));
}

const CommandArgument who { .name = "jid", .type = CommandArgument::Type::jid };
const CommandArgument where { .name = "host", .type = CommandArgument::Type::host };
const Command kick { .name = "kick", .arguments = { who }, .reach = Reach::host };
const Command list_command { .name = "list", .arguments = { where }, .reach = Reach::host };
const Command stop { .name = "stop" };
const Command trace { .name = "trace", .fronts = Fronts::console };

std::string check(const Command& command, const CommandCaller& caller, const char* arguments)
{
    const auto checked
        = check_rights(command, *Value::parse_json(arguments), caller, settings_with_admins());
    return checked ? "may" : checked.error().text;
}

}

TEST_CASE("nobody may anything unless they are named")
{
    for (const char* jid : { "x@a.lit", "root@b.lit", "a.lit", "root@a.lit.example" })
        for (const Command& command : { kick, list_command, stop, trace })
            CHECK_FALSE(is_offered(command, user(jid)));
    CHECK(check(kick, user("x@a.lit"), R"({"jid":"y@a.lit"})") == "kick: is not for x@a.lit");
    CHECK(check(stop, user("x@a.lit"), "{}") == "stop: is not for x@a.lit");
}

TEST_CASE("an administrator of the server may all but what is nuncioctl's, from every resource")
{
    const auto root = user("root@a.lit/phone");
    CHECK(root.name == "root@a.lit");
    CHECK(check(stop, root, "{}") == "may");
    CHECK(check(kick, root, R"({"jid":"y@b.lit"})") == "may");
    CHECK(check(list_command, root, "{}") == "may");
    CHECK(check(trace, root, "{}") == "trace: is for nuncioctl alone");
    CHECK(check(trace, CommandCaller::console("ctl"), "{}") == "may");
}

TEST_CASE("an administrator of a host has its accounts")
{
    const auto ana = user("ana@a.lit");
    CHECK_FALSE(is_offered(stop, ana));
    CHECK(check(kick, ana, R"({"jid":"y@a.lit/x"})") == "may");
    CHECK(check(kick, ana, R"({"jid":"y@b.lit"})")
        == "kick: ana@a.lit does not administer the host b.lit");
    CHECK(check(list_command, ana, R"({"host":"a.lit"})") == "may");
    CHECK(check(list_command, ana, R"({"host":"b.lit"})")
        == "list: ana@a.lit does not administer the host b.lit");
    CHECK(check(list_command, ana, "{}")
        == "list: say which host; ana@a.lit does not administer all");
    CHECK(check(kick, user("both@a.lit"), R"({"jid":"y@b.lit"})") == "may");
    const Command two { .name = "two", .arguments = { who, where }, .reach = Reach::host };
    CHECK(check(two, ana, R"({"jid":"y@a.lit","host":"b.lit"})")
        == "two: ana@a.lit does not administer the host b.lit");
}

TEST_CASE("nobody commands an administrator who may more")
{
    const auto ana = user("ana@a.lit");
    CHECK(check(kick, ana, R"({"jid":"root@a.lit/x"})")
        == "kick: root@a.lit is an administrator who may more than ana@a.lit");
    CHECK(check(kick, ana, R"({"jid":"both@a.lit"})")
        == "kick: both@a.lit is an administrator who may more than ana@a.lit");
    CHECK(check(kick, ana, R"({"jid":"ana@a.lit"})") == "may");
    CHECK(check(kick, user("both@a.lit"), R"({"jid":"ana@a.lit"})") == "may");
    CHECK(check(kick, user("both@a.lit"), R"({"jid":"root@a.lit"})")
        == "kick: root@a.lit is an administrator who may more than both@a.lit");
}

TEST_CASE("a plugin has its own host's accounts, but those of administrators who may more")
{
    const auto plugin = CommandCaller::plugin("lua guard", "a.lit");
    CHECK(check(stop, plugin, "{}") == "may");
    CHECK(check(trace, plugin, "{}") == "trace: is for nuncioctl alone");
    CHECK(check(kick, plugin, R"({"jid":"ana@a.lit"})") == "may");
    CHECK(check(kick, plugin, R"({"jid":"y@b.lit"})")
        == "kick: lua guard does not administer the host b.lit");
    CHECK(check(kick, plugin, R"({"jid":"root@a.lit"})")
        == "kick: root@a.lit is an administrator who may more than lua guard");
    CHECK(check(kick, plugin, R"({"jid":"both@a.lit"})")
        == "kick: both@a.lit is an administrator who may more than lua guard");
}
