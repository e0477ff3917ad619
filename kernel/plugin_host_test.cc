#include "generation.h"
#include "iq_dispatch.h"
#include "plugin_host.h"
#include "test-plugins/greeting.h"
#include "test_server.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <sys/stat.h>

using namespace nuncio;
using namespace nuncio::kernel;
using test::is_sanitized;
using test::mapped;
using test::TestServer;

namespace {

std::string running(TestServer& server, std::string_view domain = "a.example")
{
    std::string names;
    for (const auto& instance : server.host(domain).published()->instances)
        names += (names.empty() ? "" : " ") + instance->name();
    return names;
}

bool advertises(TestServer& server, std::string_view feature)
{
    const auto directory = server.host().published()->directory[0];
    return std::ranges::find(directory->features, feature) != directory->features.end();
}

std::string text_of(const std::vector<Stanza>& sink, std::string_view id)
{
    for (const Stanza& stanza : sink)
        if (stanza.id() == id)
            return stanza.is_error() ? std::string(to_string(stanza.error().condition))
                                     : stanza.payload().text();
    return "no answer";
}

Value row_of(TestServer& server, std::string_view name)
{
    const Value list = server->plugins().list();
    for (const Value& row : list.as_array())
        if (row.find("name")->as_string() == name)
            return row;
    return {};
}

}

TEST_CASE("enabled plugins start in order, and the table shows all they registered")
{
    TestServer server({ "guest", "greeter" });
    REQUIRE(server.started());
    CHECK(running(server) == "greeter guest");
    CHECK(running(server, "b.example").empty());

    const RouteTable& table = *server.host().published();
    CHECK(table.iq[0].contains("urn:test:greeting"));
    CHECK(table.iq[1].contains("urn:test:greeting"));
    CHECK(table.domains.contains("greet.a.example"));
    CHECK(table.services.contains("greeting/1"));
    CHECK(table.server_stanza.entries.size() == 1);
    CHECK(advertises(server, "urn:test:greeting"));
    CHECK(advertises(server, "urn:test:greeter"));
    CHECK(table.directory[0]->items.front().jid == "greet.a.example");

    auto& sink = server.open_sink();
    server.ask("urn:test:greeting", "1");
    server.ask("urn:test:guest", "2");
    server->settle();
    CHECK(text_of(sink, "1") == "hello");
    CHECK(text_of(sink, "2") == "hello");
}

TEST_CASE("a plugin that fails to start is left out and leaves no trace; others start")
{
    TestServer server({ "thrower", "needy", "foreign", "absent", "greeter" });
    REQUIRE(server.started());
    CHECK(running(server) == "greeter");
    CHECK(server.logs().has("thrower does not start on a.example: threw: I changed my mind"));
    CHECK(server.logs().has("needy cannot run on a.example: it requires unobtainium/1"));
    CHECK(server.logs().has("built for nuncio-abi-99, this server has nuncio-abi-1"));
    CHECK(server.logs().has("there is no plugin absent in "));
    CHECK_FALSE(advertises(server, "urn:test:thrower"));
    CHECK_FALSE(server.host().published()->iq[0].contains("urn:test:thrower"));
}

TEST_CASE("what a plugin began before it failed to start ends before the plugin does")
{
    constexpr std::string_view end = "ends after 43 jobs and 1 slots";
    const auto is_gone = [](TestServer& server) {
        return row_of(server, "hasty").is_null() && (is_sanitized || mapped("hasty") == 0);
    };
    {
        // At the start of the server, whose loops do not run yet.
        TestServer server({ "hasty", "greeter" });
        REQUIRE(server.started());
        server->advance(1s);
        CHECK(running(server) == "greeter");
        CHECK(server.logs().has("hasty does not start on a.example: it is in too much of a hurry"));
        CHECK(server.logs().has(end));
        CHECK(is_gone(server));
    }
    // While it runs; the account is in memory, so that the value in its slot would outlive the
    // code.
    TestServer server({ "greeter" });
    const Jid user = *Jid::parse("u@a.example");
    AccountRef account;
    Loop& home = server.host().home(user);
    home.post([&] { account = server.host().account(user); });
    server->settle();
    CHECK(server.load("hasty").find("it is in too much of a hurry") != std::string::npos);
    CHECK(server.logs().has(end));
    CHECK(running(server) == "greeter");
    CHECK(is_gone(server));
    home.post([&account] { account = {}; });
    server->settle();
}

TEST_CASE("load and unload switch what the server answers")
{
    TestServer server({});
    auto& sink = server.open_sink();
    server.ask("urn:test:greeting", "before");
    server->settle();
    CHECK(text_of(sink, "before") == "service-unavailable");

    CHECK(server.load("greeter", "a.example").empty());
    server.ask("urn:test:greeting", "loaded");
    server->settle();
    CHECK(text_of(sink, "loaded") == "hello");
    CHECK(
        server.load("greeter", "a.example") == "the plugin greeter is loaded already on a.example");

    CHECK(server.unload("greeter").empty());
    server.ask("urn:test:greeting", "after");
    server->settle();
    CHECK(text_of(sink, "after") == "service-unavailable");
    CHECK_FALSE(advertises(server, "urn:test:greeting"));
    CHECK(server.unload("greeter") == "the plugin greeter is not loaded");
    CHECK(server.unload("greeter", "c.example") == "there is no host c.example");
}

TEST_CASE("a load that fails changes nothing")
{
    TestServer server({ "greeter" });
    const auto before = server.host().published();
    CHECK(server.load("thrower", "a.example").find("I changed my mind") != std::string::npos);
    CHECK(server.load("needy", "a.example").find("unobtainium/1") != std::string::npos);
    CHECK(server.load("foreign", "a.example").find("nuncio-abi-99") != std::string::npos);
    CHECK(
        server.load("absent", "a.example").find("there is no plugin absent") != std::string::npos);
    CHECK(server.load("../greeter", "a.example").find("is no plugin's name") != std::string::npos);
    CHECK(server.host().published() == before);
    CHECK(running(server) == "greeter");
}

TEST_CASE("unloading what others require is refused with their names")
{
    TestServer server({ "greeter", "guest" });
    CHECK(server.unload("greeter").find("greeter is needed on a.example by guest")
        != std::string::npos);
    CHECK(running(server) == "greeter guest");
    CHECK(server.unload("guest").empty());
    CHECK(server.unload("greeter").empty());
    CHECK(running(server).empty());
}

TEST_CASE("unloading really unmaps, and loading again maps another copy")
{
    TestServer server({});
    for (int round = 1; round <= 20; ++round) {
        CHECK(server.load("greeter", "a.example").empty());
        CHECK(mapped("greeter") >= 1);
        server->advance(3s);
        CHECK(server.unload("greeter").empty());
        if (!is_sanitized)
            CHECK(mapped("greeter") == 0);
    }
    CHECK_FALSE(server.logs().has("stays mapped"));
}

TEST_CASE("what is under way ends before its plugin does")
{
    TestServer server({});
    auto& sink = server.open_sink();
    CHECK(server.load("drifter", "a.example").empty());
    server.ask("urn:test:drift", "slow");
    server->advance(1s);
    CHECK(text_of(sink, "slow") == "no answer");
    CHECK(row_of(server, "drifter").find("leases")->as_integer() > 0);

    bool is_over = false;
    server->plugins().unload(
        "drifter", {}, Dependents::refuse, [&](Result<void> result) { is_over = result.ok(); });
    server->settle();
    CHECK(running(server).empty());
    CHECK(row_of(server, "drifter").find("state")->as_string() == "draining");
    CHECK_FALSE(is_over);

    server->advance(10s);
    CHECK(text_of(sink, "slow").empty()); // an empty result, not an error
    server->advance(1s);
    CHECK(is_over);
    CHECK(row_of(server, "drifter").is_null());
    if (!is_sanitized)
        CHECK(mapped("drifter") == 0);
}

TEST_CASE("what does not end in time is pinned, listed, and let go later")
{
    TestServer server({ "drifter" });
    server.open_sink();
    server->plugins().set_patience(2s);
    server.ask("urn:test:drift", "slow");
    server->settle();
    CHECK(server.unload("drifter").empty());
    CHECK(row_of(server, "drifter").find("state")->as_string() == "pinned");
    CHECK(server.logs().has("drifter@a.example still has "));

    server->advance(20s); // the answer comes …
    server->advance(2s); // … and the main loop looks again
    CHECK(row_of(server, "drifter").is_null());
    CHECK(server.logs().has("what was left of an unloaded plugin has ended"));
}

TEST_CASE("slots end with their plugin")
{
    TestServer server({ "greeter" });
    const Jid user = *Jid::parse("u@a.example");
    Stanza request(Stanza::Kind::iq, Stanza::Type::get);
    request.set_id("1").set_from(user).set_to(user);
    request.element().add("query", "urn:test:greeting");
    AccountRef account;
    Loop& home = server.host().home(user);
    home.post([&] {
        account = server.host().account(user);
        for (int i = 0; i < 2; ++i)
            dispatch_iq(server.host(), server.host().table().iq[1].at("urn:test:greeting"),
                Stanza(request), account);
        CHECK_FALSE(account->slots().empty());
    });
    server->settle();
    CHECK(server.unload("greeter").empty());
    bool is_checked = false;
    home.post([&] {
        CHECK(account->slots().empty());
        account = {};
        is_checked = true;
    });
    server->settle();
    CHECK(is_checked);
}

TEST_CASE("new settings build the changed instance and those that need it, nobody else")
{
    TestServer server({ "greeter", "guest", "drifter" });
    auto& sink = server.open_sink();
    const auto before = server.host().published()->instances;
    HostSettings settings = server.host().settings();
    settings.plugins["greeter"]["word"] = "good morning";
    const auto reconfigure = [&] {
        return server.outcome(
            [&](auto done) { server->plugins().reconfigure(server.host(), settings, done); });
    };
    CHECK(reconfigure().empty());
    const auto after = server.host().published()->instances;
    CHECK(running(server) == "drifter greeter guest");
    CHECK(after[0] == before[0]);
    CHECK(after[1] != before[1]);
    CHECK(after[2] != before[2]);
    server.ask("urn:test:guest", "1");
    server->settle();
    CHECK(text_of(sink, "1") == "good morning");
    CHECK(row_of(server, "greeter").find("generation")->as_integer() == 1);

    settings.plugins["greeter"]["word"] = "forbidden";
    CHECK(reconfigure().find("is not said here") != std::string::npos);
    CHECK(server.host().published()->instances == after);

    settings.plugins["greeter"]["word"] = "good morning";
    settings.plugins.erase("drifter");
    CHECK(reconfigure().empty());
    CHECK(running(server) == "greeter guest");

    settings.plugins.erase("greeter");
    CHECK(reconfigure().find("guest cannot run on a.example: it requires greeting/1")
        != std::string::npos);
    CHECK(running(server) == "greeter guest");
}

TEST_CASE("new settings of a host hold on every loop, and for what is loaded later")
{
    TestServer server({ "greeter" });
    auto& sink = server.open_sink();
    HostSettings settings = server.host().settings();
    settings.require_encryption = !settings.require_encryption;
    settings.plugins["greeter"]["word"] = "good morning";
    settings.plugins["drifter"] = Value(Value::Table());
    CHECK(server
              .outcome(
                  [&](auto done) { server->plugins().reconfigure(server.host(), settings, done); })
              .empty());
    std::size_t asked = 0;
    for (std::size_t i = 0; i < server->loop_count(); ++i)
        server->loop(i).post([&] {
            CHECK(server.host().settings().require_encryption == settings.require_encryption);
            ++asked;
        });
    server->settle();
    CHECK(asked == 2);
    CHECK(server.host().settings().require_encryption == settings.require_encryption);

    CHECK(server.unload("greeter", {}, Dependents::unload).empty());
    CHECK(server.unload("drifter").empty());
    CHECK(server.load("greeter").empty());
    CHECK(server.load("drifter").empty());
    CHECK(row_of(server, "drifter").find("hosts")->as_array().size() == 1); // as it was enabled
    server.ask("urn:test:greeting", "1");
    server->settle();
    CHECK(text_of(sink, "1") == "good morning");
    server->advance(5s); // what the drifter began
}

TEST_CASE("periodic jobs run while their instance does")
{
    TestServer server({ "greeter" });
    auto* greeting
        = static_cast<Greeting*>(server.host().published()->services.at("greeting/1").service);
    server->advance(5s);
    CHECK(greeting->beats() == 5);
    CHECK(server.unload("greeter").empty());
    server->advance(5s); // nothing fires into code that is gone
}

TEST_CASE("what handlers throw is logged with the plugin, answered, and goes no further")
{
    TestServer server({ "drifter", "greeter" });
    auto& sink = server.open_sink();
    server.ask("urn:test:throw", "1");
    server.ask("urn:test:work", "2");
    server->settle();
    CHECK(text_of(sink, "1") == "internal-server-error");
    CHECK(text_of(sink, "2") == "42 from the pool");
    CHECK(server.logs().has(
        "plugin.drifter@a.example: its iq handler of urn:test:throw threw: no greeting today"));

    Stanza message(Stanza::Kind::message, Stanza::Type::chat);
    message.set_to(*Jid::parse("a.example")).set_from(*Jid::parse("u@sink.example/r"));
    server.host().route(std::move(message));
    server->settle();
    CHECK(
        server.logs().has("plugin.drifter@a.example: its handler of server.stanza threw: not me"));
    server->advance(11s); // the drifter's own task comes to its end
}

TEST_CASE("a plugin that others could change is refused")
{
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/greeter.so";
    std::filesystem::copy_file(NUNCIO_TEST_PLUGINS "/greeter.so", file);
    ::chmod(file.c_str(), 0646);
    TestServer server({ "greeter" }, { folder.path() });
    CHECK(running(server).empty());
    CHECK(server.logs().has("may be written by everybody"));
    ::chmod(file.c_str(), 0644);
    CHECK(server.load("greeter").empty());
    CHECK(running(server) == "greeter");
}

TEST_CASE("a file that was replaced is what the next load takes")
{
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/greeter.so";
    std::filesystem::copy_file(NUNCIO_TEST_PLUGINS "/greeter.so", file);
    TestServer server({ "greeter" }, { folder.path() });
    REQUIRE(running(server) == "greeter");
    // Overwriting in place what is mapped would end the process, were it not a copy that runs.
    std::ofstream(file, std::ios::binary | std::ios::trunc) << "half a file";
    server->advance(2s);
    CHECK(server.unload("greeter").empty());
    CHECK(
        server.load("greeter", "a.example").find("the file ends before its ") != std::string::npos);
}
