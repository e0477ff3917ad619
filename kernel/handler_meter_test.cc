#include "handler_meter.h"
#include "plugin_top.h"
#include "test_server.h"

#include <doctest/doctest.h>
#include <thread>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::test;

namespace {

HandlerMeter::Name named(std::string handler)
{
    return { "a.example", "probe", HandlerMeter::Kind::hook, std::move(handler) };
}

/// This thread counts in a place of its own while it lives, as a loop's does.
class OwnPlace {
public:
    explicit OwnPlace(std::uint32_t place) { this_thread.place = place; }
    OwnPlace(const OwnPlace&) = delete;
    OwnPlace& operator=(const OwnPlace&) = delete;
    ~OwnPlace() { this_thread.place = HandlerMeter::shared_place; }
};

void pass(std::uint64_t span)
{
    const auto until = ticks() + span;
    while (ticks() < until) { }
}

const Value* row_of(const Value& rows, std::string_view handler)
{
    for (const Value& row : rows.as_array())
        if (row.find("handler")->as_string() == handler)
            return &row;
    return nullptr;
}

}

TEST_CASE("a meter adds up what all threads counted")
{
    HandlerMeter meter(named("x"), 2);
    const auto count = [&](std::uint64_t span) { meter.count(this_thread, span, 10); };
    for (int i = 0; i < 500; ++i)
        count(1000);
    std::thread([&] {
        const OwnPlace place(1);
        for (int i = 0; i < 499; ++i)
            count(1000);
        count(1'000'000);
    }).join();
    const auto figures = meter.figures();
    CHECK(figures.calls == 1000);
    CHECK(figures.bytes == 10000);
    CHECK(figures.ticks == 1'999'000);
    CHECK(figures.worst == 1'000'000);
    CHECK(figures.p99 >= 1000);
    CHECK(figures.p99 <= 1536);
}

TEST_CASE(
    "the slowest hundredth shows in p99 once it is more than that, and a clock that went back "
    "in nothing")
{
    HandlerMeter meter(named("x"), 1);
    for (int i = 0; i < 98; ++i)
        meter.count(this_thread, 300, 0);
    meter.count(this_thread, std::uint64_t(1) << 40, 0);
    CHECK(meter.figures().p99 == std::uint64_t(1) << 40);
    for (int i = 0; i < 100; ++i)
        meter.count(this_thread, std::uint64_t(-5), 0);
    CHECK(meter.figures().p99 <= 384);
    CHECK(meter.figures().ticks == 98 * 300 + (std::uint64_t(1) << 40));
}

TEST_CASE("what a handler causes inside of itself is counted for whom it runs, once")
{
    constexpr std::uint64_t long_time = 2'000'000;
    HandlerMeter outer(named("outer"), 1), inner(named("inner"), 1), next(named("next"), 1);
    {
        MeteredRun run(&outer);
        CHECK(this_thread.meter == &outer);
        this_thread.allocated += 5;
        {
            MeteredRun nested(&inner);
            this_thread.allocated += 100;
            pass(long_time);
            nested.go_on(&next);
            CHECK(this_thread.meter == &next);
        }
        CHECK(this_thread.meter == &outer);
        this_thread.allocated += 2;
    }
    CHECK(this_thread.meter == nullptr);
    CHECK(inner.figures().ticks >= long_time);
    CHECK(inner.figures().bytes >= 100);
    // Other processes may take the processor away from any of the three.
    CHECK(outer.figures().calls == 1);
    CHECK(outer.figures().bytes < inner.figures().bytes);
    CHECK(next.figures().calls == 1);
}

TEST_CASE("a meter is found again by its name")
{
    HandlerMeters meters(1);
    HandlerMeter& first = meters.meter(named("x"));
    CHECK(&meters.meter(named("y")) != &first);
    CHECK(&meters.meter(named("x")) == &first);
    CHECK(meters.all().size() == 2);
}

TEST_CASE("top shows what the handlers of plugins did, across a reload, and of one plugin alone")
{
    TestServer server({ "greeter" });
    REQUIRE(server.started());
    auto& instance = server.put_instance("a.example", [](PluginInstance& made) {
        Registrations::IqHandler entry;
        entry.ns = "urn:example:probe";
        entry.handler = [](const Iq&) -> IqReply {
            const std::string text(5000, 'x');
            if (text.empty())
                return IqReply();
            throw std::runtime_error("oops");
        };
        made.registrations().iq_handlers.push_back(std::move(entry));
    });
    server.open_sink();
    for (int i = 0; i < 3; ++i)
        server.ask("urn:example:probe", "1");
    server->settle();

    const Value rows = plugin_top(*server, "hand-made");
    const Value* const row = row_of(rows, "iq server urn:example:probe");
    REQUIRE(row);
    CHECK(row->find("plugin")->as_string() == "hand-made");
    CHECK(row->find("host")->as_string() == "a.example");
    CHECK(row->find("calls")->as_integer() == 3);
    CHECK(row->find("failures")->as_integer() == 3);
    CHECK(row->find("queue")->as_integer() == 0);
#ifdef NUNCIO_COUNTS_ALLOCATIONS
    CHECK(row->find("bytes_per_call")->as_integer() >= 5000);
#endif
    CHECK(instance.registrations().iq_handlers.front().meter->figures().calls == 3);
    CHECK(plugin_top(*server, "nobody").as_array().empty());

    const auto starts = [&] {
        const Value all = plugin_top(*server, "greeter");
        const Value* const start = row_of(all, "start");
        return start ? start->find("calls")->as_integer() : 0;
    };
    CHECK(starts() == 1);
    CHECK(server.reload("greeter") == "");
    CHECK(starts() == 2);
}
