#include "detached.h"
#include "net_fixture.h"
#include "plugin_lane.h"
#include "test_server.h"

#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

using namespace nuncio;
using namespace nuncio::kernel;
using kernel::testing::wait_until;
using test::TestServer;

namespace {

/// Jobs that wait for it hold their threads.
class Gate {
public:
    void wait() const { opened_.wait(); }
    void open()
    {
        if (!std::exchange(is_open_, true))
            promise_.set_value();
    }

private:
    bool is_open_ = false;
    std::promise<void> promise_;
    std::shared_future<void> opened_ { promise_.get_future() };
};

/// A lane of an instance that does nothing else. The gate opens before the lane ends.
struct Bench {
    explicit Bench(LaneOptions options)
        : instance(server.put_instance("a.example", [](PluginInstance&) {}))
        , lane(instance.parts().context.lane(std::move(options)))
    {
    }

    ~Bench()
    {
        gate.open();
        lane.reset(); // before what its jobs refer to
    }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    /// Holds as many threads as there are, and answers once all of them are held.
    void hold_threads(int count)
    {
        std::atomic<int> held = 0;
        for (int i = 0; i < count; ++i)
            REQUIRE(lane->submit([this, &held] {
                ++held;
                gate.wait();
            }));
        REQUIRE(wait_until([&held, count] { return held == count; }));
    }
    /// A turn of a loop's, where somebody waits for what the lane answers. Not settled, which would
    /// wait for the jobs.
    template <class Job>
    void ask(Job job, Duration timeout, std::optional<Result<int>>& answer)
    {
        server->loop(0).post([this, job, timeout, &answer] { note(*lane, job, timeout, answer); });
        server->loop(0).run_ready();
    }

    TestServer server { {} };
    PluginInstance& instance;
    std::unique_ptr<Lane> lane;
    Gate gate;

private:
    template <class Job>
    static Detached note(Lane& lane, Job job, Duration timeout, std::optional<Result<int>>& answer)
    {
        Result<int> given = co_await lane.run(std::move(job), timeout);
        answer.emplace(std::move(given));
    }
};

}

TEST_CASE("as many jobs as a lane's queue holds may wait for a thread, and not one more")
{
    Bench bench({ .name = "test", .threads = 1, .queue = 3 });
    bench.hold_threads(1);
    std::vector<int> ran;
    const auto captured = std::make_shared<int>();
    for (int i = 0; i < 3; ++i)
        CHECK(bench.lane->submit([&ran, i, captured] { ran.push_back(i); }));
    CHECK(bench.lane->waiting() == 3);
    CHECK_FALSE(bench.lane->submit([&ran, captured] { ran.push_back(3); }));
    CHECK(captured.use_count() == 4); // the job that found no room is gone
    std::optional<Result<int>> answer;
    bench.ask([]() -> Result<int> { return 1; }, 1s, answer);
    REQUIRE(answer);
    CHECK(answer->error().kind == Error::Kind::limit);

    bench.gate.open();
    bench.server->lanes().drain();
    CHECK(ran == std::vector { 0, 1, 2 });
    CHECK(captured.use_count() == 1);
    CHECK(bench.lane->submit([&ran] { ran.push_back(4); }));
    bench.server->lanes().drain();
    CHECK(ran.back() == 4);
}

TEST_CASE("a lane has as many threads as it was asked for, at least one and 64 at the most")
{
    struct Case {
        std::uint32_t wanted;
        int made;
    };
    for (const Case& each : { Case { 0, 1 }, Case { 2, 2 }, Case { 64, 64 }, Case { 65, 64 } }) {
        CAPTURE(each.wanted);
        Bench bench({ .name = "test", .threads = each.wanted });
        bench.hold_threads(each.made);
        std::atomic<bool> ran = false;
        CHECK(bench.lane->submit([&ran] { ran = true; }));
        // All threads are held, so that this one cannot have been taken.
        CHECK(bench.lane->waiting() == 1);
        CHECK_FALSE(ran);
        bench.gate.open();
        bench.server->lanes().drain();
        CHECK(ran);
    }
}

TEST_CASE("what a job of a lane throws is logged or answered, and its thread goes on")
{
    Bench bench({ .name = "test" });
    CHECK(bench.lane->submit([] { throw std::runtime_error("the library is in a mood"); }));
    CHECK(bench.lane->submit([] { throw 7; }));
    bench.server->lanes().drain();
    CHECK(bench.server.logs().has(
        "plugin.hand-made: a job of a lane threw: the library is in a mood"));
    CHECK(bench.server.logs().has("a job of a lane threw: something that is no std::exception"));
    std::optional<Result<int>> answer;
    bench.ask([]() -> Result<int> { throw std::runtime_error("not today"); }, 1s, answer);
    bench.server->settle();
    REQUIRE(answer);
    CHECK(answer->error().text == "not today");
    CHECK(answer->error().kind == Error::Kind::internal);
    CHECK(bench.instance.leases() == 0);
}

TEST_CASE("a lane that is dropped finishes what it has taken, queue and all")
{
    Bench bench({ .name = "test", .threads = 2, .queue = 100 });
    std::atomic<int> ended = 0;
    for (int i = 0; i < 100; ++i)
        REQUIRE(bench.lane->submit([&ended] { ++ended; }));
    bench.lane.reset();
    CHECK(ended == 100);
    CHECK(bench.instance.leases() == 0);
    bench.server->settle(); // and it is not asked any more
}

TEST_CASE("a job keeps its plugin from ending until it has ended and let go of what it had")
{
    Bench bench({ .name = "test" });
    const auto captured = std::make_shared<int>();
    CHECK(bench.lane->submit([&bench, captured] { bench.gate.wait(); }));
    CHECK(bench.lane->submit([captured] {}));
    CHECK(bench.instance.leases() == 2);
    bench.gate.open();
    bench.server->lanes().drain();
    CHECK(captured.use_count() == 1);
    CHECK(bench.instance.leases() == 0);
}

TEST_CASE("an answer of a lane comes in time, or `unavailable` does")
{
    Bench bench({ .name = "test" });
    std::optional<Result<int>> answer;
    bench.ask([]() -> Result<int> { return 42; }, 5s, answer);
    bench.server->settle();
    REQUIRE(answer);
    CHECK(**answer == 42);

    bench.hold_threads(1);
    answer.reset();
    std::atomic<bool> ran = false;
    bench.ask(
        [&ran]() -> Result<int> {
            ran = true;
            return 1;
        },
        5s, answer);
    bench.server->loop(0).advance(5s - 1ms);
    CHECK_FALSE(answer);
    bench.server->loop(0).advance(1ms);
    REQUIRE(answer);
    CHECK(answer->error().kind == Error::Kind::unavailable);
    bench.gate.open();
    bench.server->settle();
    CHECK_FALSE(ran); // nobody waited for it any more when its turn came
}
