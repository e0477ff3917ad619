#include "command_registry.h"
#include "iq_queue.h"
#include "quarantine.h"
#include "test_server.h"
#include "watchdog.h"

#include <nuncio/note.h>

#include <atomic>
#include <doctest/doctest.h>
#include <optional>
#include <thread>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::test;

namespace {

/// A thread that is inside of a handler, for as long as it lives.
class StuckThread {
public:
    StuckThread(Server& server, HandlerMeter& meter,
        WatchedThreads::Kind kind = WatchedThreads::Kind::loop, const Stanza* about = nullptr)
        : thread_([this, &server, &meter, kind, about] {
            const WatchedThread watched(
                server.threads(), "loop-7", kind, HandlerMeter::shared_place);
            {
                std::optional<Handling> handling;
                if (about)
                    handling.emplace(*about);
                MeteredRun run(&meter);
                is_inside_ = true;
                is_inside_.notify_all();
                is_released_.wait(false);
            }
            is_inside_ = false;
            is_inside_.notify_all();
            is_told_to_end_.wait(false);
        })
    {
        is_inside_.wait(false);
    }
    ~StuckThread()
    {
        leave();
        is_told_to_end_ = true;
        is_told_to_end_.notify_all();
        thread_.join();
    }
    StuckThread(const StuckThread&) = delete;
    StuckThread& operator=(const StuckThread&) = delete;

    /// The handler has returned.
    void leave()
    {
        is_released_ = true;
        is_released_.notify_all();
        is_inside_.wait(true);
    }

private:
    std::atomic<bool> is_inside_ = false, is_released_ = false, is_told_to_end_ = false;
    std::thread thread_;
};

void look_in(Server& server, std::chrono::milliseconds later)
{
    const double seconds = std::chrono::duration<double>(later).count();
    server.watchdog().look(ticks() + std::uint64_t(seconds * server.meters().rate().per_second()));
}

HandlerMeter& meter_of(Server& server, const std::string& plugin)
{
    return server.meters().meter(
        { "a.example", plugin, HandlerMeter::Kind::hook, "stanza.received" });
}

void act(Server& server, const std::string& action)
{
    WatchdogSettings settings;
    settings.action = action;
    settings.stalls = 2;
    settings.failures_per_minute = 10;
    server.watchdog().configure(settings);
}

std::size_t count_of(const std::string& text, std::string_view part)
{
    std::size_t count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

}

TEST_CASE("a handler that takes long is told of once, and one that stalls with its stack")
{
    TestServer server({});
    HandlerMeter& meter = meter_of(*server, "sleepy");
    StuckThread thread(*server, meter);
    look_in(*server, 0ms);
    CHECK_FALSE(server.logs().has("sleepy"));
    look_in(*server, 200ms);
    look_in(*server, 300ms);
    CHECK(count_of(server.logs().all(),
              "plugin sleepy on a.example: hook stanza.received has been running for")
        == 1);
    CHECK_FALSE(server->watchdog().is_stalling("sleepy", "a.example"));

    look_in(*server, 1500ms);
    look_in(*server, 2500ms);
    CHECK(server->watchdog().is_stalling("sleepy", "a.example"));
    CHECK_FALSE(server->watchdog().is_stalling("sleepy", "b.example"));
    CHECK(count_of(server.logs().all(), "stalls loop-7") == 1);
#if !NUNCIO_DETAIL_HAS_TSAN // which keeps signals back while a thread waits in a futex
    CHECK_FALSE(server.logs().has("does not tell its stack"));
    CHECK(server.logs().has("[0x")); // a frame
#endif

    thread.leave();
    look_in(*server, 2500ms);
    CHECK_FALSE(server->watchdog().is_stalling("sleepy", "a.example"));
}

#if !NUNCIO_DETAIL_HAS_TSAN // which keeps signals back while a thread waits in a futex
TEST_CASE("what a handler is busy with is told, but not what people write")
{
    TestServer server({});
    HandlerMeter& meter = meter_of(*server, "sleepy");
    Stanza stanza(Stanza::Kind::message, Stanza::Type::chat);
    stanza.set_id("17").set_from(*Jid::parse("romeo@a.example/orchard"));
    stanza.set_to(*Jid::parse("juliet@a.example"));
    stanza.element().add("body").text("but soft");
    const auto kind = WatchedThreads::Kind::loop;
    const std::string outline
        = ", busy with message chat id=17 romeo@a.example/orchard -> juliet@a.example <body>";
    {
        const StuckThread thread(*server, meter, kind, &stanza);
        look_in(*server, 0ms);
        look_in(*server, 200ms);
        CHECK(server.logs().has("ms and holds up loop-7" + outline));
        look_in(*server, 1500ms);
        CHECK(server.logs().has("ms until now" + outline));
        CHECK(count_of(server.logs().all(), "busy with") == 2);
    }
    const Stanza taken = std::move(stanza);
    const StuckThread thread(*server, meter, kind, &stanza);
    look_in(*server, 1500ms);
    CHECK(count_of(server.logs().all(), "stalls loop-7") == 2);
    CHECK(count_of(server.logs().all(), "busy with") == 2); // it has it no more
    CHECK_FALSE(server.logs().has("soft"));
}
#endif

TEST_CASE("a worker may be held up ten times as long as a loop")
{
    TestServer server({});
    const StuckThread thread(*server, meter_of(*server, "sleepy"), WatchedThreads::Kind::worker);
    look_in(*server, 500ms);
    CHECK_FALSE(server.logs().has("sleepy"));
    look_in(*server, 1100ms);
    CHECK(count_of(server.logs().all(), "has been running for") == 1);
    look_in(*server, 9000ms);
    CHECK_FALSE(server->watchdog().is_stalling("sleepy", "a.example"));
    look_in(*server, 11000ms);
    CHECK(server->watchdog().is_stalling("sleepy", "a.example"));
}

TEST_CASE("a plugin may have a patience of its own")
{
    TestServer server({});
    WatchdogSettings settings;
    settings.own["sleepy"] = { 2s, 3s };
    server->watchdog().configure(settings);
    const StuckThread thread(*server, meter_of(*server, "sleepy"));
    look_in(*server, 1000ms);
    CHECK_FALSE(server.logs().has("sleepy"));
    look_in(*server, 2100ms);
    CHECK(server.logs().has("has been running for"));
    CHECK_FALSE(server->watchdog().is_stalling("sleepy", "a.example"));
    look_in(*server, 3100ms);
    CHECK(server->watchdog().is_stalling("sleepy", "a.example"));
}

TEST_CASE("a handler that takes long again and again is told of once in a minute")
{
    TestServer server({});
    HandlerMeter& meter = meter_of(*server, "sleepy");
    const auto take_long = [&](std::chrono::milliseconds from) {
        StuckThread thread(*server, meter);
        look_in(*server, from);
        look_in(*server, from + 200ms);
    };
    for (int second = 0; second < 60; second += 5)
        take_long(std::chrono::seconds(second));
    CHECK(count_of(server.logs().all(), "has been running for") == 1);
    take_long(62s);
    CHECK(count_of(server.logs().all(), "has been running for") == 2);
    CHECK(server.logs().has("and 11 times since it was last told of"));
}

TEST_CASE("demoted, an iq handler of the server runs in the pool from then on")
{
    TestServer server({});
    act(*server, "demote");
    server.open_sink();
    std::vector<bool> was_on_loop;
    auto& instance = server.put_instance("a.example", [&](PluginInstance& made) {
        Registrations::IqHandler entry;
        entry.ns = "urn:example:slow";
        entry.handler = [&](const Iq& iq) -> IqReply {
            was_on_loop.push_back(Loop::current() != nullptr);
            CHECK(iq.host().directory(Component::local));
            return IqReply();
        };
        entry.strand = make_strand(entry, server.pool());
        made.registrations().iq_handlers.push_back(std::move(entry));
    });
    server.ask("urn:example:slow", "1");
    server->settle();
    {
        const StuckThread thread(*server, *instance.registrations().iq_handlers.front().meter);
        look_in(*server, 1500ms);
    }
    server->settle();
    CHECK(server.logs().has("urn:example:slow runs in the worker pool from now on"));
    server.ask("urn:example:slow", "2");
    server->settle();
    CHECK(was_on_loop == std::vector { true, false });

    // Until somebody says that it may run there again.
    const auto release = [&server] {
        std::string text;
        Value arguments;
        arguments["plugin"] = "hand-made";
        server->commands().call("plugin release", std::move(arguments),
            CommandCaller::console("test"), [&text](const Result<Value>& answer) {
                text = answer ? answer->json() : answer.error().text;
            });
        server->settle();
        return text;
    };
    CHECK(release()
        == R"({"released":"hand-made","on_the_loops_again":["server urn:example:slow on a.example"]})");
    server.ask("urn:example:slow", "3");
    server->settle();
    CHECK(was_on_loop == std::vector { true, false, true });
    CHECK(release() == "the plugin hand-made is neither quarantined nor demoted");
}

TEST_CASE("what cannot be demoted is said so")
{
    TestServer server({ "greeter" });
    act(*server, "demote");
    {
        const StuckThread thread(*server, meter_of(*server, "greeter"));
        look_in(*server, 1500ms);
    }
    server->settle();
    CHECK(server.logs().has("cannot be moved to the worker pool"));
}

TEST_CASE("a plugin that stalls again and again is unloaded and kept out")
{
    TestServer server({ "greeter" });
    act(*server, "quarantine");
    const auto stall = [&] {
        const StuckThread thread(*server, meter_of(*server, "greeter"));
        look_in(*server, 1500ms);
    };
    stall();
    server->advance(1s);
    CHECK_FALSE(server->quarantine().find("greeter", "a.example"));
    stall();
    for (int i = 0; i < 100 && !server->quarantine().find("greeter", "a.example"); ++i)
        server->advance(100ms);
    REQUIRE(server->quarantine().find("greeter", "a.example"));
    CHECK(server->quarantine().find("greeter", "a.example")->reason == "it stalled 2 times");
    CHECK(server.host().published()->instances.empty());
    CHECK(server.load("greeter", "a.example").find("quarantined") != std::string::npos);
}

TEST_CASE("a plugin that throws too often is told of, and quarantined where that is chosen")
{
    TestServer server({ "greeter" });
    act(*server, "log");
    HandlerMeter& meter = meter_of(*server, "greeter");
    const auto fail = [&](int times) {
        for (int i = 0; i < times; ++i)
            meter.count_failure();
        server->watchdog().count_failures();
        for (int i = 0; i < 20; ++i)
            server->advance(100ms);
    };
    fail(10);
    CHECK_FALSE(server.logs().has("in a minute"));
    fail(11);
    CHECK(server.logs().has("plugin greeter on a.example threw 11 times in a minute"));
    CHECK(server.host().published()->instances.size() == 1);
    act(*server, "quarantine");
    fail(11);
    CHECK(server->quarantine().find("greeter", "a.example"));
    CHECK(server.host().published()->instances.empty());
}
