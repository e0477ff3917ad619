#include "command_registry.h"
#include "log_queue.h"
#include "server.h"
#include "test_server.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::test;

namespace {

const CommandCaller console = CommandCaller::console("test");

struct Lines final : LogTarget {
    explicit Lines(std::vector<std::string>& lines)
        : lines_(lines)
    {
    }
    Result<void> write(const std::vector<LogEntry>& entries) override
    {
        for (const LogEntry& entry : entries)
            if (entry.area == "audit")
                lines_.push_back(entry.line);
        return {};
    }
    std::vector<std::string>& lines_;
};

/// A server without hosts on a clock of the test, and what its commands answer.
struct Fixture {
    std::vector<std::string> audited;
    LogQueue logs { std::make_unique<Lines>(audited), Log::Level::info };
    Server server { Settings { .loops = 2 }, logs,
        { .clock = ClockKind::manual, .threads = false } };

    Fixture() { REQUIRE(server.start()); }

    std::string call(const std::string& name, const char* arguments = "{}")
    {
        std::string answer = "no answer";
        server.commands().call(
            name, *Value::parse_json(arguments), console, [&](Result<Value> result) {
                answer = result ? result->json() : "error: " + result.error().text;
            });
        server.settle();
        return answer;
    }

    const std::vector<std::string>& audit()
    {
        logs.flush();
        return audited;
    }
};

Command sample()
{
    using Type = CommandArgument::Type;
    return { "sample", "A sample.",
        { { .name = "jid", .type = Type::jid, .doc = "who" },
            { .name = "password", .doc = "psst", .secret = true },
            { .name = "count", .type = Type::integer, .required = false, .default_text = "3" },
            { .name = "loud", .type = Type::boolean, .required = false } } };
}

task<Result<Value>> answer_arguments(const CommandCall& call)
{
    co_return call.arguments;
}

}

TEST_CASE("an unknown command is told with the nearest")
{
    Fixture fixture;
    CHECK(
        fixture.call("staus") == "error: there is no command \"staus\"; did you mean \"status\"?");
    CHECK(fixture.call("") == "error: there is no command \"\"");
}

TEST_CASE("arguments are checked, prepared and completed")
{
    Fixture fixture;
    fixture.server.commands().add(sample(), &answer_arguments);
    CHECK(fixture.call("sample", R"({"password":"x","jid":"Ana@Example.org","loud":"yes"})")
        == R"({"jid":"ana@example.org","password":"x","count":3,"loud":true})");
    CHECK(fixture.call("sample", R"({"jid":"a@b"})")
        == "error: sample: the argument \"password\" is missing: psst");
    CHECK(fixture.call("sample", R"({"jid":"a@b","pasword":"x"})")
        == "error: sample has no argument \"pasword\"; did you mean \"password\"?");
    CHECK(fixture.call("sample", R"({"jid":"a@b","password":"x","count":"many"})")
        == "error: count: expected a whole number");
    CHECK(fixture.call("sample", R"({"jid":"a@b","password":5})")
        == "error: password: expected a text");
    CHECK(fixture.call("sample", R"({"jid":"@","password":"x"})").find("error: jid: ") == 0);
    CHECK(fixture.call("sample", "[]") == "error: arguments: expected a table");
    const std::string long_one(65537, 'x');
    CHECK(fixture.call("sample", (R"({"jid":"a@b","password":")" + long_one + "\"}").c_str())
        == "error: password: is longer than 64 KiB");
}

TEST_CASE("an alias is another name, and what has choices takes nothing else")
{
    Fixture fixture;
    fixture.server.commands().add(
        { .name = "paint",
            .arguments = { { .name = "colour", .required = false, .choices = { "red", "blue" } } },
            .aliases = { "daub" } },
        &answer_arguments);
    CHECK(fixture.call("daub", R"({"colour":"blue"})") == R"({"colour":"blue"})");
    CHECK(
        fixture.call("daub", R"({"colour":"Blue"})") == "error: colour: expected one of red, blue");
    CHECK(fixture.audit().front() == "test called paint {\"colour\":\"blue\"}: done");
    CHECK(fixture.call("passwd", R"({"jid":"a@nowhere.example","password":"x"})")
              .find("does not serve")
        != std::string::npos);
}

TEST_CASE("who may not call a command learns nothing of it, and it stands in the audit log")
{
    Fixture fixture;
    const auto nobody = CommandCaller::user(fixture.server.settings(), *Jid::parse("a@b"));
    CHECK(fixture.server.commands().offered_to(nobody).empty());
    std::string refusal;
    fixture.server.commands().call(
        "status", *Value::parse_json(R"({"odd":1})"), nobody, [&](const Result<Value>& answer) {
            REQUIRE_FALSE(answer);
            CHECK(answer.error().kind == Error::Kind::refused);
            refusal = answer.error().text;
        });
    CHECK(refusal == "status: is not for a@b");
    CHECK(fixture.audit()
        == std::vector<std::string> { "a@b called status: refused: status: is not for a@b" });
}

TEST_CASE("every call is audited, and no secret is")
{
    Fixture fixture;
    fixture.server.commands().add(sample(), &answer_arguments);
    fixture.call("sample", R"({"jid":"a@b","password":"hush"})");
    fixture.call("sample", R"({"jid":"a@b"})");
    CHECK(fixture.audit()
        == std::vector<std::string> { "test called sample {\"jid\":\"a@b\",\"count\":3}: done",
            "test called sample: refused: sample: the argument \"password\" is missing: psst" });
}

TEST_CASE("a command may wait, and others run meanwhile")
{
    Fixture fixture;
    Completion<int> later;
    fixture.server.commands().add({ "wait", "" },
        [later](const CommandCall&) -> task<Result<Value>> { co_return Value(co_await later); });
    std::string waited;
    fixture.server.commands().call(
        "wait", {}, console, [&](Result<Value> result) { waited = result->json(); });
    fixture.server.settle();
    CHECK(waited.empty());
    CHECK(fixture.call("reopen-log") == R"({"log":"reopened"})");
    later.resolve(7);
    fixture.server.settle();
    CHECK(waited == "7");
}

TEST_CASE("a command that still waits at the end is dropped without an answer")
{
    Completion<int> never;
    bool answered = false;
    {
        Fixture fixture;
        fixture.server.commands().add(
            { "wait", "" }, [never](const CommandCall&) -> task<Result<Value>> {
                co_return Value(co_await never);
            });
        fixture.server.commands().call(
            "wait", {}, console, [&](Result<Value>) { answered = true; });
    }
    CHECK_FALSE(answered);
}

TEST_CASE("what a command throws is an error, not an end")
{
    Fixture fixture;
    fixture.server.commands().add({ "throw", "" }, [](const CommandCall&) -> task<Result<Value>> {
        throw std::runtime_error("oops");
        co_return Value();
    });
    CHECK(fixture.call("throw") == "error: the command failed");
    CHECK(fixture.audit().front() == "throw threw: oops");
}

TEST_CASE("status names every loop")
{
    Fixture fixture;
    const auto status = Value::parse_json(fixture.call("status"));
    REQUIRE(status);
    CHECK(status->find("loops")->as_array().size() == 3);
    CHECK(status->find("streams")->as_integer() == 0);
    CHECK(status->find("resident_bytes")->as_integer() > 0);
}

TEST_CASE("commands about hosts that are not served are refused")
{
    Fixture fixture;
    CHECK(fixture.call("register", R"({"jid":"a@nowhere.example","password":"x"})")
        == "error: this server does not serve \"nowhere.example\"");
    CHECK(fixture.call("kick", R"({"jid":"nowhere.example"})")
        == "error: jid: expected USER@HOST, not nowhere.example");
    CHECK(fixture.call("connected-users") == "[]");
    CHECK(
        fixture.call("reload") == "error: this server was not started from a configuration folder");
}

TEST_CASE("the description is sorted, and has what help needs")
{
    Fixture fixture;
    const Value all = fixture.server.commands().describe();
    const auto name = [](const Value& command) { return command.find("name")->as_string(); };
    CHECK(std::ranges::is_sorted(all.as_array(), {}, name));
    const auto found = std::ranges::find(all.as_array(), "register", name);
    REQUIRE(found != all.as_array().end());
    CHECK(found->find("arguments")->as_array().at(1).json()
        == R"({"name":"password","type":"string","doc":"the new password; asked for when it is left )"
           R"(out","required":true,"secret":true})");
}

TEST_CASE("a command of a plugin on several hosts is told which one, and help says how")
{
    TestServer server({});
    std::vector<std::string> called;
    const auto offer = [&](const std::string& domain) {
        server.put_instance(domain, [&](PluginInstance& instance) {
            instance.registrations().commands.push_back({ { .name = "greet", .summary = "Greets" },
                [&called, domain](const CommandCall&) -> task<Result<Value>> {
                    called.push_back(domain);
                    co_return Value(domain);
                } });
        });
    };
    const auto call = [&](const Value& arguments) {
        std::string text = "no answer";
        server->main_loop().post([&] {
            server->commands().call("greet", arguments, console, [&](const Result<Value>& answer) {
                text = answer ? answer->as_string() : answer.error().text;
            });
        });
        server->settle();
        return text;
    };
    offer("a.example");
    CHECK(call(Value::Table()) == "a.example");
    offer("b.example");
    CHECK(call(Value::Table())
        == "\"greet\" is about one host: say which with --host: a.example, b.example");
    CHECK(call(Value::Table { { "host", "b.example" } }) == "b.example");
    CHECK(called == std::vector<std::string> { "a.example", "b.example" });

    const Value all = server->commands().describe();
    const auto found = std::ranges::find_if(all.as_array(),
        [](const Value& command) { return command.find("name")->as_string() == "greet"; });
    REQUIRE(found != all.as_array().end());
    CHECK(found->find("arguments")->as_array().at(0).json()
        == R"({"name":"host","type":"host","doc":"which host; to be said where several have the )"
           R"(plugin","required":false,"secret":false})");
}
