#include "c2s.h"
#include "c2s_fixture.h"
#include "command_registry.h"
#include "host_departure.h"
#include "test_server.h"

#include <nuncio/crypto.h>

#include <doctest/doctest.h>
#include <map>

using namespace nuncio;
using namespace nuncio::kernel;
using kernel::testing::TestBackend;
using test::mentions;
using test::TestServer;

namespace {

HostSettings host_with(std::string domain, const std::vector<std::string>& plugins = {})
{
    HostSettings host;
    host.domain = std::move(domain);
    host.auth.clear();
    for (const std::string& name : plugins)
        host.plugins[name] = Value(Value::Table());
    return host;
}

Settings without(const Settings& before, std::string_view domain)
{
    Settings settings = before;
    std::erase_if(settings.hosts, [&](const auto& host) { return host.domain == domain; });
    return settings;
}

Settings with(const Settings& before, HostSettings host)
{
    Settings settings = before;
    settings.hosts.push_back(std::move(host));
    return settings;
}

/// What came of it: "", the notes, or "error: " and its text.
std::string reload(TestServer& server, Settings settings)
{
    std::optional<std::string> answer;
    server->reload(std::move(settings), [&answer](Result<std::vector<std::string>> notes) {
        answer = notes ? "" : "error: " + notes.error().text;
        if (notes)
            for (const std::string& note : *notes)
                *answer += note + '\n';
    });
    for (int i = 0; i < 8000 && !answer; ++i)
        server->advance(10ms);
    return answer ? *answer : "no answer";
}

/// In steps, so that the loops keep up with each other.
void pass(TestServer& server, Duration time)
{
    for (; time > 0s; time -= 100ms)
        server->advance(100ms);
}

std::size_t departing(TestServer& server)
{
    return std::size_t(std::ranges::count_if(
        server->departures(), [](const auto& departure) { return !departure->is_over(); }));
}

std::string domains(Server& server)
{
    std::string text;
    for (const auto& host : server.hosts())
        text += std::string(host->domain()) + ' ';
    return text;
}

/// The text or the condition of an answer about "urn:test:greeting".
std::string greeting(TestServer& server, std::vector<Stanza>& sink, std::string_view of)
{
    sink.clear();
    server.ask("urn:test:greeting", "greet", "u@sink.example/r", of);
    server->settle();
    for (const Stanza& stanza : sink)
        if (stanza.id() == "greet")
            return stanza.is_error() ? std::string(to_string(stanza.error().condition))
                                     : stanza.payload().text();
    return "no answer";
}

std::string status(TestServer& server)
{
    std::string text;
    server->commands().call("status", Value(Value::Table()), CommandCaller::console("test"),
        [&text](const Result<Value>& answered) { text = answered ? answered->json() : "!"; });
    server->settle();
    return text;
}

/// A client of a.example, where everybody's password is known to `backend`.
class Caller {
public:
    explicit Caller(TestServer& server)
        : server_(server)
    {
        MemoryPeer::Options wire;
        wire.tls = wire.tls_after_start;
        ListenSettings listen;
        listen.tls = ListenSettings::Tls::direct;
        server->c2s().adopt(peer_.connect(server->loop(0), wire), listen);
    }
    std::string say(std::string_view xml)
    {
        peer_.send(xml);
        server_->settle();
        return peer_.take();
    }
    std::string hear() { return say({}); }
    std::string begin(std::string_view domain = "a.example")
    {
        return say("<stream:stream xmlns='jabber:client' to='" + std::string(domain)
            + "' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
    }
    /// The server comes to it in its own time.
    void post_authentication(std::string_view user)
    {
        peer_.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
            + to_base64('\0' + std::string(user) + '\0' + "pencil") + "</auth>");
    }
    std::string authenticate(std::string_view user)
    {
        post_authentication(user);
        return hear();
    }
    std::string bind()
    {
        return say("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                   "<resource>r</resource></bind></iq>");
    }
    void log_in(std::string_view user, std::string_view domain = "a.example")
    {
        begin(domain);
        REQUIRE(mentions(authenticate(user), "<success"));
        begin(domain);
        REQUIRE(mentions(bind(), "type='result'"));
    }
    bool is_closed() const { return peer_.is_closed(); }

private:
    TestServer& server_;
    MemoryPeer peer_;
};

/// Lets people log in on a.example.
void put_backend(TestServer& server, TestBackend& backend, const std::string& domain = "a.example")
{
    server.put_instance(domain, [&](PluginInstance& instance) {
        instance.registrations().services.push_back(
            { std::string(AuthBackend::interface), &backend });
    });
}

void knows_accounts(Settings& settings)
{
    settings.hosts[0].auth = { "hand-made" };
}

/// What lies there was put there by hand, and no reload takes it away.
void keeps_sink(Settings& settings)
{
    settings.hosts[1].plugins["hand-made"] = {};
}

}

TEST_CASE("a host that is new in the settings comes up with its plugins, and is served then")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    CHECK(greeting(server, sink, "c.example") == "remote-server-not-found");

    CHECK(reload(server, with(server->settings(), host_with("c.example", { "guest", "greeter" })))
        == "");
    CHECK(domains(*server) == "a.example b.example c.example ");
    CHECK(greeting(server, sink, "c.example") == "hello");
    CHECK(greeting(server, sink, "a.example") == "hello");
    // Its plugin's domain is there for every loop, too.
    for (std::size_t i = 0; i < server->loop_count(); ++i) {
        bool is_known = false;
        server->loop(i).post([&] {
            is_known = server->domains().domains.contains("greet.c.example")
                && server->domains().domains.contains("c.example");
        });
        server->settle();
        CHECK(is_known);
    }
}

TEST_CASE("a new host that cannot come up leaves everything as it was")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    Settings wanted = with(server->settings(), host_with("c.example", { "greeter" }));
    wanted.hosts.push_back(host_with("d.example", { "greeter" }));
    wanted.hosts.back().plugins["greeter"]["word"] = "forbidden";
    wanted.hosts[0].plugins["greeter"]["word"] = "changed";
    wanted.limits.auth_attempts = 77;

    const std::string answer = reload(server, wanted);
    CHECK(mentions(answer, "error: plugin greeter does not start on d.example"));
    CHECK(mentions(answer, "is not said here"));
    CHECK(domains(*server) == "a.example b.example ");
    CHECK(greeting(server, sink, "a.example") == "hello");
    CHECK(greeting(server, sink, "c.example") == "remote-server-not-found");
    CHECK(server->settings().limits.auth_attempts == 3);
    CHECK(departing(server) == 0);

    wanted.hosts[3].plugins["greeter"]["word"] = "welcome";
    CHECK(reload(server, wanted) == "");
    CHECK(greeting(server, sink, "a.example") == "changed");
    CHECK(greeting(server, sink, "c.example") == "hello");
    CHECK(greeting(server, sink, "d.example") == "welcome");
    CHECK(server->settings().limits.auth_attempts == 77);
}

TEST_CASE("a plugin that a new host needs and that is not there is a reason, too")
{
    TestServer server({});
    CHECK(mentions(
        reload(server, with(server->settings(), host_with("c.example", { "absent" }))), "error: "));
    CHECK(mentions(reload(server, with(server->settings(), host_with("c.example", { "guest" }))),
        "error: plugin guest cannot run on c.example"));
    CHECK(domains(*server) == "a.example b.example ");
    CHECK(departing(server) == 0);
}

TEST_CASE("a new host does not take the domain of a plugin, nor two of them one domain")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    CHECK(mentions(reload(server, with(server->settings(), host_with("greet.a.example"))),
        "error: the new host greet.a.example is a domain of the plugin greeter on a.example"));

    // The one's plugin wants what the other is.
    Settings both = with(server->settings(), host_with("c.example", { "greeter" }));
    both.hosts.push_back(host_with("greet.c.example"));
    CHECK(mentions(reload(server, both),
        "error: the plugin greeter wants the domain greet.c.example on c.example, which is taken "
        "by greet.c.example"));
    CHECK(greeting(server, sink, "c.example") == "remote-server-not-found");
    CHECK(departing(server) == 0);
}

TEST_CASE("a host that is gone from the settings is taken down, and the others notice nothing")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, [](Settings& settings) {
        keeps_sink(settings);
        settings.hosts[1].plugins["greeter"] = Value(Value::Table());
    });
    auto& sink = server.open_sink();
    const std::weak_ptr<PluginInstance> greeter = server.host().published()->instances.front();
    const auto bystander = server.host("b.example").published()->instances.front();

    CHECK(reload(server, without(server->settings(), "a.example")) == "");
    CHECK(domains(*server) == "b.example ");
    CHECK(departing(server) == 0);
    CHECK(greeter.expired());
    CHECK(server.logs().has("the host a.example is gone"));
    CHECK(greeting(server, sink, "a.example") == "remote-server-not-found");
    CHECK(greeting(server, sink, "greet.a.example") == "remote-server-not-found");
    CHECK(greeting(server, sink, "b.example") == "hello");
    CHECK(server.host("b.example").published()->instances.front() == bystander);
}

TEST_CASE("code that only a host had which is gone is unmapped")
{
    TestServer server({ "greeter" });
    const std::string copy = server.host().published()->instances.front()->generation().path();
    REQUIRE(is_resident(copy));
    CHECK(reload(server, without(server->settings(), "a.example")) == "");
    CHECK(server->plugins().list().as_array().empty());
    if (Generation::is_unmapped_at_end)
        CHECK_FALSE(is_resident(copy));
}

TEST_CASE("a host that comes and goes again and again works each time")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    const Settings whole = server->settings();
    for (int round = 0; round < 5; ++round) {
        CHECK(reload(server, without(whole, "a.example")) == "");
        CHECK(greeting(server, sink, "a.example") == "remote-server-not-found");
        CHECK(reload(server, whole) == "");
        CHECK(greeting(server, sink, "a.example") == "hello");
        CHECK(greeting(server, sink, "u@a.example") == "service-unavailable");
    }
    CHECK(departing(server) == 0);
}

TEST_CASE("reloads that are asked for at once happen one after the other")
{
    TestServer server({ "greeter" });
    const Settings whole = server->settings();
    std::string order;
    const auto told = [&order](std::string name) {
        return [&order, name = std::move(name)](const Result<std::vector<std::string>>& done) {
            order += name + (done ? " " : "! ");
        };
    };
    Settings bad = with(whole, host_with("c.example", { "absent" }));
    server->reload(without(whole, "a.example"), told("without"));
    server->reload(bad, told("bad"));
    server->reload(whole, told("whole"));
    server->reload(without(whole, "b.example"), told("other"));
    for (int i = 0; i < 100; ++i)
        server->advance(10ms);
    CHECK(order == "without bad! whole other ");
    CHECK(domains(*server) == "a.example ");
    CHECK(departing(server) == 0);
}

TEST_CASE("a host with something under way is kept, listed, and not made a second time")
{
    TestServer server({ "drifter" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    server->plugins().set_patience(1s);
    server.ask("urn:test:drift", "1");
    server->settle();
    const Settings whole = server->settings();

    const std::string answer = reload(server, without(whole, "a.example"));
    CHECK(mentions(answer, "the host a.example is not served any more, but something is still"));
    CHECK(departing(server) == 1);
    CHECK(mentions(status(server), R"("domain":"a.example","state":"ending")"));
    CHECK(mentions(status(server), R"("domain":"b.example","state":"served")"));
    CHECK(mentions(
        reload(server, whole), "error: the host a.example was taken out, and its plugins"));
    CHECK(sink.empty());

    pass(server, 20s);
    CHECK(departing(server) == 0);
    CHECK(sink.size() == 1); // who has asked is answered even so
    CHECK(reload(server, whole) == "");
    CHECK(domains(*server) == "b.example a.example ");
    pass(server, 5s); // what the drifter began
}

TEST_CASE("plugins that end together may use each other's services until the last task has ended")
{
    TestServer server({ "greeter", "guest" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    const auto heard = [&sink] { return sink.size() == 1 ? sink.front().payload().text() : "?"; };
    server.ask("urn:test:guest-later", "1");
    server->settle();
    CHECK(reload(server, without(server->settings(), "a.example")) == "");
    CHECK(heard() == "hello");
    CHECK(departing(server) == 0);

    // Wherever more than one plugin goes.
    sink.clear();
    REQUIRE(server.load("greeter", "b.example").empty());
    REQUIRE(server.load("guest", "b.example").empty());
    server.ask("urn:test:guest-later", "1", "u@sink.example/r", "b.example");
    server->settle();
    CHECK(server.unload("greeter", "b.example", Dependents::unload).empty());
    CHECK(heard() == "hello");
}

TEST_CASE("streams of a host that is gone end with host-gone, whatever they are doing")
{
    TestBackend backend;
    TestServer server({}, { NUNCIO_TEST_PLUGINS }, knows_accounts);
    put_backend(server, backend);
    Caller bound(server), other(server), greeted(server), silent(server), elsewhere(server);
    bound.log_in("juliet");
    other.log_in("romeo");
    greeted.begin();
    elsewhere.begin("b.example");
    server->settle();

    CHECK(reload(server, without(server->settings(), "a.example")) == "");
    for (Caller* caller : { &bound, &other, &greeted }) {
        const std::string heard = caller->hear();
        CHECK(mentions(heard, "<host-gone xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"));
        CHECK(heard.ends_with("</stream:stream>"));
        pass(server, 6s);
        CHECK(caller->is_closed());
    }
    CHECK(departing(server) == 0);
    CHECK(elsewhere.hear().empty());
    CHECK_FALSE(elsewhere.is_closed());
    CHECK(mentions(silent.begin(), "<host-unknown "));
}

TEST_CASE("a login that waits for its backend does not outlive its host")
{
    TestBackend backend;
    backend.gate.emplace();
    TestServer server({}, { NUNCIO_TEST_PLUGINS }, knows_accounts);
    server->plugins().set_patience(1s);
    put_backend(server, backend);
    Caller caller(server);
    caller.begin();
    CHECK(caller.authenticate("juliet").empty());

    const std::string answer = reload(server, without(server->settings(), "a.example"));
    CHECK(mentions(answer, "the host a.example is not served any more, but something is still"));
    CHECK(mentions(caller.hear(), "<host-gone "));
    pass(server, 10s);
    CHECK(caller.is_closed());
    CHECK(departing(server) == 1); // the backend has not answered yet

    backend.gate->resolve(true);
    pass(server, 5s);
    CHECK(departing(server) == 0);
    CHECK(caller.hear().empty());
}

TEST_CASE("a plugin that never says what it thinks of a login does not keep the host for good")
{
    TestBackend backend;
    TestServer server({}, { NUNCIO_TEST_PLUGINS }, knows_accounts);
    server->plugins().set_patience(1s);
    put_backend(server, backend);
    const Completion<std::optional<std::string>> never;
    server.put_instance("a.example", [&never](PluginInstance& instance) {
        instance.registrations().hooks.push_back(
            { std::string(AuthenticationBeginning::hook), Stage::normal, [&never](void* event) {
                 static_cast<AuthenticationBeginning*>(event)->waits.push_back(never);
                 return Flow::next;
             } });
    });
    Caller caller(server);
    caller.begin();
    CHECK(caller.authenticate("juliet").empty());
    const std::string answer = reload(server, without(server->settings(), "a.example"));
    CHECK(mentions(answer, "the host a.example is not served any more, but something is still"));
    CHECK(departing(server) == 1);
    pass(server, server->settings().limits.answer_time);
    CHECK(departing(server) == 0);
}

TEST_CASE("who is on the way to the home of the account meets the end of the host there")
{
    TestBackend backend;
    TestServer server({}, { NUNCIO_TEST_PLUGINS }, [](Settings& settings) {
        knows_accounts(settings);
        settings.hosts[1].plugins["drifter"] = Value(Value::Table());
    });
    put_backend(server, backend);
    std::string user = "juliet";
    while (server->router().home_index(*Jid::make(user, "a.example")) != 1)
        user += 't';
    backend.passwords[user] = "pencil";
    Caller caller(server);
    caller.begin();
    // What the password is right for: it gets to the first loop before the letter that ends the
    // host there, and the stream to the second one after. The plugin is unloaded just before.
    server.ask("urn:test:drift", "1", "u@elsewhere.example/r", "b.example");
    server->settle();
    server->plugins().set_patience(1s);
    server->plugins().unload("drifter", "b.example", Dependents::refuse,
        [&](const Result<void>&) { caller.post_authentication(user); });
    CHECK(reload(server, without(server->settings(), "a.example")) == "");
    const std::string heard = caller.hear();
    CHECK(mentions(heard, "<success"));
    CHECK(mentions(heard, "<host-gone "));
    CHECK(departing(server) == 0);
    pass(server, 10s); // until the drifter has answered
}

TEST_CASE("what is on its way to a host that goes is answered, and nothing else is lost")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, keeps_sink);
    auto& sink = server.open_sink();
    const Settings whole = server->settings();
    constexpr int count = 40;
    for (int round = 0; round < 3; ++round) {
        sink.clear();
        std::optional<bool> done;
        server->reload(without(whole, "a.example"),
            [&](const Result<std::vector<std::string>>& result) { done = result.ok(); });
        for (int i = 0; i < count; ++i) {
            for (const char* to : { "a.example", "u@a.example", "greet.a.example" })
                server.ask("urn:test:greeting", std::to_string(i), "u@sink.example/r", to);
            // One loop after the other, so that each is met in another state.
            server->main_loop().run_ready();
            server->loop(std::size_t(i % 2)).run_ready();
        }
        pass(server, 1s);
        REQUIRE(done == true);
        CHECK(departing(server) == 0);
        std::map<std::string, int> answers; // by sender and what it said
        for (const Stanza& stanza : sink)
            ++answers[std::string(stanza.from().text()) + ' '
                + (stanza.is_error() ? std::string(to_string(stanza.error().condition))
                                     : stanza.payload().text())];
        const int gone = answers["a.example remote-server-not-found"];
        CHECK(gone > 0);
        CHECK(answers["a.example hello"] + gone == count);
        // Nobody handles it for others than the owner; the plugin's domain takes what comes.
        CHECK(answers["u@a.example service-unavailable"]
                + answers["u@a.example remote-server-not-found"]
            == count);
        CHECK(answers["greet.a.example remote-server-not-found"] > 0);
        CHECK(reload(server, whole) == "");
        CHECK(greeting(server, sink, "a.example") == "hello");
    }
}

TEST_CASE("a letter or a command that refers to a host keeps it")
{
    TestServer server({});
    std::optional<HostRef> held(server.host());
    const Settings whole = server->settings();
    CHECK(mentions(reload(server, without(whole, "a.example")), "something is still under way"));
    CHECK(departing(server) == 1);
    pass(server, 60s);
    CHECK(departing(server) == 1);
    // It is in nobody's way: its plugins have ended.
    CHECK(reload(server, whole) == "");
    CHECK(&server.host() != held->get());
    held.reset();
    pass(server, 2s);
    CHECK(departing(server) == 0);
    CHECK(domains(*server) == "b.example a.example ");

    // A command about it that waits, and has only the host.
    Completion<bool> gate;
    server->commands().add(
        { "wait", "Waits.", { { .name = "host", .type = CommandArgument::Type::host } } },
        [gate](const CommandCall& call) -> task<Result<Value>> {
            co_await gate;
            co_return Value(call.host->domain());
        });
    std::string answer;
    Value arguments;
    arguments["host"] = "a.example";
    server->commands().call("wait", std::move(arguments), CommandCaller::console("test"),
        [&answer](const Result<Value>& result) { answer = result ? result->as_string() : "!"; });
    CHECK(mentions(reload(server, without(whole, "a.example")), "something is still under way"));
    gate.resolve(true);
    pass(server, 2s);
    CHECK(answer == "a.example");
    CHECK(departing(server) == 0);
}

TEST_CASE("what the process was built on stays until it ends")
{
    TestServer server({});
    Settings settings = server->settings();
    settings.data_dir = "/nowhere";
    settings.plugin_path = { "/nowhere" };
    CHECK(reload(server, settings) == "");
    CHECK(server->settings().data_dir != "/nowhere");
    CHECK(server->settings().plugin_path == std::vector<std::string> { NUNCIO_TEST_PLUGINS });
}

TEST_CASE("what waits for a restart is told by every reload and by the status until it does not")
{
    TestServer server({});
    const Settings before = server->settings();
    Settings settings = before;
    settings.written = *Value::parse_json(R"({"server":{"loops":7},"limits":{"held_time":"9s"}})");
    for (int round = 0; round < 2; ++round) {
        CHECK(reload(server, settings) == "server.loops waits for a restart\n");
        CHECK(mentions(status(server), R"("waits_for_restart":["server.loops"])"));
        CHECK(server->settings().written.json() == R"({"server":{},"limits":{"held_time":"9s"}})");
    }
    CHECK(reload(server, before) == "");
    CHECK_FALSE(mentions(status(server), "waits_for_restart"));
}

TEST_CASE("what the plugins of a host refused is told by the status until it is taken up")
{
    TestServer server({ "greeter" });
    const Settings before = server->settings();
    Settings settings = before;
    settings.hosts[0].plugins["thrower"] = Value(Value::Table());
    for (int round = 0; round < 2; ++round) {
        CHECK(mentions(reload(server, settings), "thrower does not start on a.example"));
        CHECK(mentions(
            status(server), R"("not_taken_up":["a.example: plugin thrower does not start)"));
    }
    CHECK(reload(server, before) == "");
    CHECK_FALSE(mentions(status(server), "not_taken_up"));
}

TEST_CASE("a server that stops while a host goes ends in peace")
{
    TestServer server({ "greeter", "drifter" });
    bool is_done = false;
    server->reload(without(server->settings(), "a.example"),
        [&](const Result<std::vector<std::string>>&) { is_done = true; });
    server->main_loop().run_ready();
    server->stop();
    pass(server, 60s);
    CHECK(is_done);
}
