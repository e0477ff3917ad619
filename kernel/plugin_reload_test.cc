#include "generation.h"
#include "plugin_host.h"
#include "test_server.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>

using namespace nuncio;
using namespace nuncio::kernel;
using test::is_sanitized;
using test::mapped;
using test::mentions;
using test::TestServer;

namespace {

/// What the test plugin `subject` reads when it is made.
class Environment {
public:
    explicit Environment(const char* name, const std::string& value)
        : name_(name)
    {
        ::setenv(name, value.c_str(), 1);
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment() { ::unsetenv(name_); }

private:
    const char* name_;
};

class Label : public Environment {
public:
    explicit Label(const std::string& value)
        : Environment("NUNCIO_TEST_LABEL", value)
    {
    }
};

class Fault : public Environment {
public:
    explicit Fault(const std::string& where)
        : Environment("NUNCIO_TEST_FAULT", where)
    {
    }
};

/// Who answers now; "no answer" while nobody does.
std::string who_answers(TestServer& server, std::vector<Stanza>& sink)
{
    sink.clear();
    server.ask("urn:test:subject", "who");
    server->settle();
    for (const Stanza& stanza : sink)
        if (stanza.id() == "who")
            return stanza.is_error() ? std::string(to_string(stanza.error().condition))
                                     : stanza.payload().text();
    return "no answer";
}

std::string states_of(TestServer& server, std::string_view name)
{
    std::string states;
    const Value list = server->plugins().list();
    for (const Value& row : list.as_array())
        if (row.find("name")->as_string() == name)
            states += (states.empty() ? "" : " ") + row.find("state")->as_string();
    return states;
}

}

TEST_CASE("a reload puts new code in the place of old, on every host at once")
{
    std::optional<Label> label(std::in_place, "first");
    TestServer server({ "subject" });
    auto& sink = server.open_sink();
    CHECK(server.load("subject", "b.example").empty());
    CHECK(who_answers(server, sink) == "first");
    const auto before = server.host().published()->instances.front();

    label.emplace("second");
    CHECK(server.reload("subject").empty());
    CHECK(who_answers(server, sink) == "second");
    for (const char* domain : { "a.example", "b.example" }) {
        const auto& instances = server.host(domain).published()->instances;
        const auto at = std::ranges::find_if(
            instances, [](const auto& instance) { return instance->name() == "subject"; });
        REQUIRE(at != instances.end());
        CHECK((*at)->generation().number() > before->generation().number());
    }
    CHECK(server.reload("absent")
        == "the plugin absent is not loaded: nuncioctl plugin load absent loads it");
}

TEST_CASE("each reload maps a copy and lets the one before it go")
{
    TestServer server({ "subject" });
    for (int round = 0; round < 20; ++round) {
        CHECK(server.reload("subject").empty());
        server->advance(3s);
        if (!is_sanitized)
            CHECK(mapped("subject") == 1);
    }
    CHECK(states_of(server, "subject") == "running");
    CHECK_FALSE(server.logs().has("stays mapped"));
}

TEST_CASE("whatever fails before the switch leaves the former generation serving, and says where")
{
    const Label label("first");
    TestServer server({ "subject" });
    auto& sink = server.open_sink();
    const auto before = server.host().published();
    const Label other("second");

    struct Case {
        const char* fault;
        const char* step;
        const char* reason;
    };
    for (const Case& each : { Case { "configure", "build", "its options are wrong" },
             Case { "start", "build", "it cannot start" },
             Case { "start throws", "build", "threw: it threw" } }) {
        CAPTURE(each.fault);
        const Fault fault(each.fault);
        const std::string outcome = server.reload("subject");
        CHECK(mentions(outcome, std::string("at the step \"") + each.step + '"'));
        CHECK(mentions(outcome, each.reason));
        CHECK(who_answers(server, sink) == "first");
        CHECK(server.host().published() == before);
        CHECK(states_of(server, "subject") == "running");
        if (!is_sanitized)
            CHECK(mapped("subject") == 1);
    }
    CHECK(server.reload("subject").empty());
    CHECK(who_answers(server, sink) == "second");
}

TEST_CASE("a file that does not fit is refused at the first step")
{
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/subject.so";
    std::filesystem::copy_file(NUNCIO_TEST_PLUGINS "/subject.so", file);
    const Label label("first");
    TestServer server({ "subject" }, { folder.path() });
    auto& sink = server.open_sink();
    REQUIRE(who_answers(server, sink) == "first");

    std::ofstream(file, std::ios::binary | std::ios::trunc) << "half a file";
    CHECK(mentions(server.reload("subject"), "at the step \"stage\""));
    std::filesystem::copy_file(
        NUNCIO_TEST_PLUGINS "/foreign.so", file, std::filesystem::copy_options::overwrite_existing);
    CHECK(mentions(server.reload("subject"), "rename it to foreign.so"));
    std::filesystem::remove(file);
    CHECK(mentions(server.reload("subject"), "there is no plugin subject"));
    CHECK(who_answers(server, sink) == "first");
}

TEST_CASE("what is under way ends in the former generation while the new one answers")
{
    std::optional<Label> label(std::in_place, "first");
    TestServer server({ "subject" });
    auto& sink = server.open_sink();
    server.ask("urn:test:subject-slow", "slow");
    server->settle();

    label.emplace("second");
    std::optional<Value> report;
    server->plugins().reload("subject", {}, [&](Result<Value> result) { report = *result; });
    server->settle();
    CHECK_FALSE(report);
    CHECK(states_of(server, "subject") == "draining running");
    CHECK(who_answers(server, sink) == "second");
    server->advance(6s); // the answer comes …
    server->advance(1s); // … and the main loop looks again
    REQUIRE(report);
    CHECK(report->find("former_generation")->as_string() == "ended");
    const auto slow
        = std::ranges::find_if(sink, [](const Stanza& stanza) { return stanza.id() == "slow"; });
    REQUIRE(slow != sink.end());
    CHECK(slow->payload().text() == "first");
}

TEST_CASE("those that use a service find the new provider, and are not replaced")
{
    TestServer server({ "greeter", "guest" });
    auto& sink = server.open_sink();
    const auto before = server.host().published()->instances;
    CHECK(server.reload("greeter").empty());
    const auto& after = server.host().published()->instances;
    REQUIRE(after.size() >= 2);
    CHECK(after[0] != before[0]);
    CHECK(after[1] == before[1]);
    server.ask("urn:test:guest", "1");
    server->settle();
    REQUIRE(sink.size() == 1);
    CHECK(sink.front().payload().text() == "hello");
}

TEST_CASE(
    "a provider with another interface is replaced together with those that need it, or not at all")
{
    test::TemporaryFolder folder;
    const auto put = [&](const std::string& name, const std::string& release) {
        std::filesystem::copy_file(NUNCIO_TEST_PLUGINS "/" + release + name + ".so",
            folder.path() + "/" + name + ".so", std::filesystem::copy_options::overwrite_existing);
    };
    put("greeter", "");
    put("guest", "");
    TestServer server({ "greeter", "guest" }, { folder.path() });
    auto& sink = server.open_sink();
    auto before = server.host().published()->instances;

    put("greeter", "next/");
    CHECK(mentions(
        server.reload("greeter"), "guest cannot run on a.example: it requires greeting/1"));
    CHECK(server.host().published()->instances == before);

    before.clear(); // it would keep them
    put("guest", "next/");
    CHECK(server.reload("greeter").empty());
    CHECK(server.host().published()->services.contains("greeting/2"));
    CHECK_FALSE(server.host().published()->services.contains("greeting/1"));
    server.ask("urn:test:guest", "1");
    server->settle();
    REQUIRE(sink.size() == 1);
    CHECK(sink.front().payload().text() == "hello");
    if (!is_sanitized)
        CHECK(mapped("guest") == 1);
}

TEST_CASE("who is needed is unloaded together with those that need it, when asked for")
{
    TestServer server({ "greeter", "guest", "drifter" });
    CHECK(mentions(server.unload("greeter"), "greeter is needed on a.example by guest"));
    CHECK(server.unload("greeter", {}, Dependents::unload).empty());
    REQUIRE(server.host().published()->instances.size() == 1);
    CHECK(server.host().published()->instances.front()->name() == "drifter");
    server->advance(6s); // its task ends
}

namespace {

/// An iq to the keeper: of the server, or of one account.
void ask_keeper(TestServer& server, std::string_view id, std::string_view to = "a.example",
    std::string_view ns = "urn:test:keeper")
{
    server.ask(ns, id, "u@sink.example/r", to);
}

std::string texts(const std::vector<Stanza>& sink)
{
    std::string text;
    for (const Stanza& stanza : sink)
        if (stanza.is_iq())
            text += (text.empty() ? "" : ", ")
                + (stanza.is_error() ? std::string(to_string(stanza.error().condition))
                                     : stanza.payload().text());
    return text;
}

void send_message(TestServer& server, std::string_view to, std::string_view id)
{
    Stanza message(Stanza::Kind::message, Stanza::Type::chat);
    message.set_id(id).set_from(*Jid::parse("u@sink.example/r")).set_to(*Jid::parse(to));
    server.host().route(std::move(message));
}

}

TEST_CASE("a reload hands over what a plugin saves, and the values of its slots")
{
    std::optional<Label> label(std::in_place, "first");
    TestServer server({ "keeper" });
    auto& sink = server.open_sink();
    // The account lives while somebody refers to it.
    AccountRef account;
    const Jid user = *Jid::parse("u@a.example");
    server.host().home(user).post([&] { account = server.host().account(user); });
    for (int i = 0; i < 3; ++i)
        ask_keeper(server, "1");
    ask_keeper(server, "2", "u@a.example");
    server->settle();
    REQUIRE(texts(sink) == "first 1, first 2, first 3, first 1");

    label.emplace("second");
    for (int round = 0; round < 3; ++round)
        CHECK(server.reload("keeper").empty());
    sink.clear();
    ask_keeper(server, "1");
    ask_keeper(server, "2", "u@a.example");
    server->settle();
    CHECK(texts(sink) == "second 4, second 2");

    CHECK(server.reload("keeper", { .drops_state = true }).empty());
    sink.clear();
    ask_keeper(server, "1");
    ask_keeper(server, "2", "u@a.example");
    server->settle();
    CHECK(texts(sink) == "second 1, second 1");
    server.host().home(user).post([&] { account = {}; });
    server->settle();
}

TEST_CASE("whatever fails in the hand-over, the former generation goes on with all its state")
{
    const Label label("first");
    TestServer server({ "keeper" });
    auto& sink = server.open_sink();
    AccountRef account;
    const Jid user = *Jid::parse("u@a.example");
    server.host().home(user).post([&] { account = server.host().account(user); });
    ask_keeper(server, "1");
    ask_keeper(server, "2", "u@a.example");
    server->settle();
    const Label other("second");

    struct Case {
        const char* fault;
        const char* step;
        const char* reason;
    };
    int count = 1;
    for (const Case& each :
        { Case { "save", "save", "threw: told to fail" }, Case { "slow save", "save", "it took " },
            Case { "restore", "restore", "it knows no such version" },
            Case { "restore throws", "restore", "threw: told to fail" },
            Case { "slow restore", "restore", "it took " },
            Case { "slot save", "restore", "the slot visits of keeper: threw: told to fail" },
            Case { "slot restore", "restore", "its value cannot be read" } }) {
        CAPTURE(each.fault);
        sink.clear();
        {
            const Fault fault(each.fault);
            const std::string outcome = server.reload("keeper", { .pause = 20ms });
            CHECK(mentions(outcome, std::string("at the step \"") + each.step + '"'));
            CHECK(mentions(outcome, each.reason));
        }
        ask_keeper(server, "1");
        ask_keeper(server, "2", "u@a.example");
        server->settle();
        ++count;
        const std::string expected = "first " + std::to_string(count);
        CHECK(texts(sink) == expected + ", " + expected);
        CHECK(states_of(server, "keeper") == "running");
        if (!is_sanitized)
            CHECK(mapped("keeper") == 1);
    }
    CHECK(server.reload("keeper").empty());
    server.host().home(user).post([&] { account = {}; });
    server->settle();
}

TEST_CASE("what comes during a hand-over waits, and is delivered in order to who serves then")
{
    for (const bool succeeds : { true, false }) {
        CAPTURE(succeeds);
        std::optional<Label> label(std::in_place, "first");
        TestServer server({ "keeper" });
        auto& sink = server.open_sink();
        // Under way for 100 ms, so that the hand-over has to wait.
        ask_keeper(server, "slow", "a.example", "urn:test:keeper-slow");
        server->settle();
        label.emplace("second");
        std::optional<std::string> outcome;
        server->plugins().reload("keeper", { .pause = succeeds ? 250ms : 50ms },
            [&](Result<Value> report) { outcome = report ? "" : report.error().text; });
        server->settle();
        for (int i = 0; i < 5; ++i) {
            send_message(server, "keeper.a.example", "domain-" + std::to_string(i));
            send_message(server, "nobody@a.example", "hook-" + std::to_string(i));
            ask_keeper(server, "iq");
        }
        server->settle();
        CHECK(sink.empty());
        CHECK_FALSE(outcome);
        for (int i = 0; i < 40 && !outcome; ++i)
            server->advance(10ms);
        server->advance(100ms);
        REQUIRE(outcome);
        if (succeeds)
            CHECK(outcome->empty());
        else
            CHECK(mentions(*outcome, "keeper@a.example (1)"));
        for (const std::string prefix : { "domain-", "hook-" }) {
            std::string ids;
            for (const Stanza& stanza : sink)
                if (stanza.id().starts_with(prefix))
                    ids += stanza.id().substr(prefix.size());
            CHECK(ids == "01234");
        }
        CHECK(texts(sink)
            == (succeeds ? "first 1, second 2, second 3, second 4, second 5, second 6"
                         : "first 1, first 2, first 3, first 4, first 5, first 6"));
    }
}

TEST_CASE("when too much waits for a hand-over it is given up")
{
    const Label label("first");
    TestServer server({ "keeper" });
    auto& sink = server.open_sink();
    ask_keeper(server, "slow", "a.example", "urn:test:keeper-slow");
    server->settle();
    std::optional<std::string> outcome;
    server->plugins().reload("keeper", { .pause = 10s },
        [&](Result<Value> report) { outcome = report ? "" : report.error().text; });
    server->settle();
    for (int i = 0; i < 1001; ++i)
        send_message(server, "keeper.a.example", std::to_string(i));
    server->settle();
    server->advance(2ms);
    REQUIRE(outcome);
    CHECK(mentions(*outcome, "1001 stanzas waited for it, and 1000 may"));
    REQUIRE(sink.size() == 1001);
    for (std::size_t i = 0; i < sink.size(); ++i)
        CHECK(sink[i].id() == std::to_string(i));
    server->advance(1s);
}

TEST_CASE("a plugin without state never pauses, whatever it has under way")
{
    TestServer server({ "subject" });
    auto& sink = server.open_sink();
    server.ask("urn:test:subject-slow", "slow");
    server->settle();
    std::optional<Value> report;
    server->plugins().reload("subject", {}, [&](Result<Value> result) { report = *result; });
    server->settle();
    CHECK_FALSE(server.host().published()->is_pausing);
    CHECK(who_answers(server, sink) == "");
    server->advance(6s);
    server->advance(1s);
    REQUIRE(report);
    CHECK(report->find("stanzas_held")->as_integer() == 0);
}

TEST_CASE("a refresh reloads what differs on disk and fits, and says why it leaves the rest")
{
    test::TemporaryFolder folder;
    const auto put = [&](const std::string& name, const std::string& from) {
        std::filesystem::copy_file(NUNCIO_TEST_PLUGINS "/" + from, folder.path() + "/" + name,
            std::filesystem::copy_options::overwrite_existing);
    };
    put("greeter.so", "greeter.so");
    put("subject.so", "subject.so");
    put("keeper.so", "keeper.so");
    TestServer server({ "greeter", "subject", "keeper" }, { folder.path() });
    const auto refresh = [&] {
        std::optional<Value::Array> rows;
        server->plugins().refresh([&](Value::Array all) { rows = std::move(all); });
        for (int i = 0; i < 100 && !rows; ++i)
            server->advance(10ms);
        REQUIRE(rows);
        std::string text;
        for (const Value& row : *rows)
            text += row.find("plugin")->as_string() + ": " + row.find("result")->as_string() + '\n';
        return text;
    };
    CHECK(refresh().empty());

    put("greeter.so", "next/greeter.so");
    std::filesystem::remove(folder.path() + "/keeper.so");
    std::ofstream(folder.path() + "/subject.so", std::ios::binary | std::ios::trunc)
        << "half a file";
    const auto instances = server.host().published()->instances;
    const std::string told = refresh();
    CHECK(mentions(told, "greeter: reloaded\n"));
    CHECK(mentions(told, "keeper: there is no plugin keeper in "));
    CHECK(mentions(told, "subject: "));
    CHECK(mentions(told, "; what runs goes on"));
    CHECK(server.host().published()->services.contains("greeting/2"));
    CHECK(server.host().published()->instances.size() == instances.size());
    CHECK(states_of(server, "keeper") == "running");
    CHECK(states_of(server, "subject") == "running");
}

TEST_CASE("with too many former generations still mapped a plugin is not reloaded any more")
{
    TestServer server({ "subject" });
    server.open_sink();
    server->plugins().set_patience(1ms);
    for (int i = 0; i < 3; ++i) {
        server.ask("urn:test:subject-slow", "slow");
        server->settle();
        CHECK(server.reload("subject").empty());
    }
    CHECK(states_of(server, "subject") == "pinned pinned pinned running");
    CHECK(mentions(server.reload("subject"), "3 former generations of it are still mapped"));
    server->advance(6s);
    server->advance(2s);
    CHECK(states_of(server, "subject") == "running");
    CHECK(server.reload("subject").empty());
}
