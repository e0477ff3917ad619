#include "config_plan.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

/// Knows one plugin, with a secret.
class Catalog final : public PluginCatalog {
public:
    void search(const std::vector<std::string>&) override { }
    Result<const Schema*> schema(const std::string& name) override
    {
        if (name != "door")
            return Error { "there is no such plugin", Error::Kind::not_found };
        return &schema_;
    }
    std::vector<std::string> names() override { return { "door" }; }
    std::string summary(const std::string&) override { return {}; }
    bool is_auth_backend(const std::string&) override { return false; }

private:
    struct Options {
        std::string key;
        std::int64_t width = 1;
    };
    const Schema schema_ = Schema::of<Options>("A door")
                               .option("key", &Options::key, "Its key.")
                               .secret()
                               .option("width", &Options::width, "How wide it is.");
};

std::string plan(std::string_view before, std::string_view after)
{
    Catalog catalog;
    const auto one = Value::parse_json(before), other = Value::parse_json(after);
    REQUIRE(one);
    REQUIRE(other);
    std::string text;
    for (const Value& row : plan_reload(*one, *other, catalog)) {
        for (const char* member : { "option", "before", "after", "effect" })
            text += row.find(member)->as_string() + (member[0] == 'e' ? "" : " | ");
        text += '\n';
    }
    return text;
}

}

TEST_CASE("the plan of a reload tells every option that differs, and what becomes of it")
{
    CHECK(plan(R"({"limits":{"idle_time":"5min"}})", R"({"limits":{"idle_time":"5min"}})").empty());
    CHECK(plan(R"({"limits":{"idle_time":"5min"}})", R"({"limits":{"idle_time":"1min"}})")
        == "limits.idle_time | \"5min\" | \"1min\" | taken up at once\n");
    CHECK(plan(R"({})", R"({"server":{"loops":4}})")
        == "server.loops | (default) | 4 | waits for a restart\n");
    // To write down what holds anyway, or to leave it out again, changes nothing.
    CHECK(plan(R"({})", R"({"server":{"loops":0},"log":{"target":"console"}})").empty());
    CHECK(plan(R"({"limits":{"held_time":"10s"}})", R"({"limits":{}})").empty());
    CHECK(plan(R"({"listen":[{"port":1},{"port":2}]})", R"({"listen":[{"port":2},{"port":3}]})")
        == "listen | {\"port\":1} | (none) | closed; its streams stay\n"
           "listen | (none) | {\"port\":3} | opened\n");
    CHECK(plan(R"({"hosts":{"a":{}}})", R"({"hosts":{"b":{}}})")
        == "hosts.\"a\" | served | not served | is taken down: its streams end with host-gone, its "
           "plugins are unloaded\n"
           "hosts.\"b\" | not served | served | comes up, and is served once all of its plugins "
           "have "
           "started\n");
    CHECK(plan(R"({"hosts":{"a":{"enabled":false},"b":{"enabled":false}}})",
              R"({"hosts":{"a":{"enabled":true},"b":{"enabled":false,"auth":["x"]}}})")
        == "hosts.\"a\" | not served | served | comes up, and is served once all of its plugins "
           "have "
           "started\n");
    CHECK(plan(R"({"watchdog":{"action":"log"}})", R"({"watchdog":{"action":"demote"}})")
        == "watchdog.action | \"log\" | \"demote\" | taken up at once\n");
    CHECK(plan(R"({"listen":[{"port":1}]})", R"({"listen":[{"port":1,"tls":"direct"}]})")
        == "listen | {\"port\":1} | {\"port\":1,\"tls\":\"direct\"} | stays open; connections from "
           "now on are met like this\n");
    CHECK(plan(R"({"hosts":{"a":{"require_encryption":true}}})",
              R"({"hosts":{"a":{"require_encryption":false}}})")
        == "hosts.\"a\".require_encryption | true | false | taken up at once\n");
}

TEST_CASE("the plan of a reload tells which plugins come, go and are built anew, and no secret")
{
    CHECK(plan(R"({})", R"({"plugins":{"door":{"key":"1"}}})")
        == "plugins.door | not enabled | enabled | loaded\n");
    CHECK(plan(R"({"plugins":{"door":{}}})", R"({"plugins":{"door":{"enabled":false}}})")
        == "plugins.door | enabled | not enabled | unloaded\n");
    CHECK(plan(R"({"plugins":{"door":{"key":"1","width":1}}})",
              R"({"plugins":{"door":{"key":"2","width":2}}})")
        == "plugins.door.key | (secret) | (secret) | its plugin's instances are built anew\n"
           "plugins.door.width | 1 | 2 | its plugin's instances are built anew\n");
    CHECK(plan(R"({"hosts":{"a":{"plugins":{"door":{"width":1}}}}})",
              R"({"hosts":{"a":{"plugins":{"door":{"width":3}}}}})")
        == "hosts.\"a\".plugins.door.width | 1 | 3 | its plugin's instances are built anew\n");
    CHECK(plan(R"({"plugins":{"door":{"enabled":false,"key":"1"}}})",
              R"({"plugins":{"door":{"enabled":false,"key":"2","width":2}}})")
        == "plugins.door.key | (secret) | (secret) | nothing: the plugin is not enabled\n"
           "plugins.door.width | (default) | 2 | nothing: the plugin is not enabled\n");
}

TEST_CASE("what waits for a restart is held back, and told each time until it is as it was")
{
    Catalog catalog;
    const auto before = Value::parse_json(
        R"({"server":{"loops":1},"limits":{"held_time":"5s"},"log":{"format":"json"}})");
    const auto wanted = Value::parse_json(
        R"({"server":{"loops":2,"watch":true},"limits":{"held_time":"6s"},"log":{"target":"file"}})");
    REQUIRE(before);
    REQUIRE(wanted);
    const std::vector<std::string> names { "server.loops", "log.target", "log.format" };
    Value now = *wanted;
    CHECK(hold_back(*before, now) == names);
    CHECK(now.find("server")->find("loops")->as_integer() == 1);
    CHECK(now.find("server")->find("watch")->as_bool());
    CHECK(now.find("limits")->find("held_time")->as_string() == "6s");
    CHECK(now.find("log")->find("target") == nullptr);
    CHECK(now.find("log")->find("format")->as_string() == "json");

    Value again = *wanted;
    CHECK(hold_back(now, again) == names);
    CHECK(again == now);
    CHECK(plan_reload(now, *wanted, catalog).size() == names.size());

    Value back = *before;
    CHECK(hold_back(now, back).empty());
    CHECK(back == *before);
}
