#include "generation.h"
#include "plugin_host.h"
#include "test_server.h"

#include <nuncio/note.h>

#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>

using namespace nuncio;
using namespace nuncio::kernel;
using test::TestServer;

namespace {

constexpr bool is_sanitized = NUNCIO_DETAIL_HAS_ASAN || NUNCIO_DETAIL_HAS_TSAN;

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

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != text.npos;
}

int mapped(std::string_view name)
{
    std::ifstream maps("/proc/self/maps");
    int count = 0;
    for (std::string line; std::getline(maps, line);)
        if (line.find('/' + std::string(name) + '-') != line.npos && line.find("r-xp") != line.npos)
            ++count;
    return count;
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
        == "the reload of absent failed at the step \"stage\", and the "
           "generation before it goes on: the plugin absent is not "
           "loaded");
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
        CHECK(has(outcome, std::string("at the step \"") + each.step + '"'));
        CHECK(has(outcome, each.reason));
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
    CHECK(has(server.reload("subject"), "at the step \"stage\""));
    std::filesystem::copy_file(
        NUNCIO_TEST_PLUGINS "/foreign.so", file, std::filesystem::copy_options::overwrite_existing);
    CHECK(has(server.reload("subject"), "rename it to foreign.so"));
    std::filesystem::remove(file);
    CHECK(has(server.reload("subject"), "there is no plugin subject"));
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
    server->plugins().reload("subject", [&](Result<Value> result) { report = *result; });
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

TEST_CASE("a plugin and those that need it are reloaded and unloaded together")
{
    TestServer server({ "greeter", "guest" });
    CHECK(server.reload("greeter").empty());
    CHECK(has(server.unload("greeter"), "guest"));
    CHECK(server.unload("greeter", {}, Dependents::unload).empty());
    CHECK(server.host().published()->instances.empty());
}
