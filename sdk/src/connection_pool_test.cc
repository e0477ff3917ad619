#include "loop_fixture.h"

#include <nuncio/connection_pool.h>

#include <deque>
#include <doctest/doctest.h>
#include <stdexcept>

using namespace nuncio;
using testing::run_detached;
using testing::SmallLoop;

namespace {

/// Keeps jobs until the test lets its "thread" run.
class HeldLane final : public Lane {
public:
    explicit HeldLane(std::size_t room)
        : room_(room)
    {
    }
    bool submit(Function<void()> job) override
    {
        if (jobs_.size() == room_)
            return false;
        jobs_.push_back(std::move(job));
        return true;
    }
    std::size_t waiting() const override { return jobs_.size(); }
    void run_one()
    {
        const auto job = std::move(jobs_.front());
        jobs_.pop_front();
        job();
    }

private:
    std::size_t room_;
    std::deque<Function<void()>> jobs_;
};

struct Link {
    int number = 0;
};

struct Fixture {
    Duration timeout = 10s;
    bool has_probe = false;
    int made = 0; ///< connections
    bool is_down = false; ///< nobody answers
    bool throws = false; ///< the library does
    int broken_up_to = 0; ///< connections up to this one are broken
    bool hangs = false; ///< for whoever asks, but not for the probe
    int probes = 0;
    SmallLoop loop;
    HeldLane* lane = new HeldLane(2); ///< the pool's
    ConnectionPool<Link> pool { std::unique_ptr<Lane>(lane),
        { .timeout = timeout, .breaker = { .failures = 3, .rest = 1s } },
        [this]() -> Result<std::unique_ptr<Link>> {
            if (is_down)
                return Error { "connection refused", Error::Kind::unavailable };
            return std::make_unique<Link>(Link { ++made });
        },
        has_probe ? ConnectionPool<Link>::Probe([this](Link& link) { return probe(link); })
                  : ConnectionPool<Link>::Probe() };
    std::deque<std::optional<Result<int>>> answers;

    Result<void> probe(const Link& link)
    {
        ++probes;
        if (link.number <= broken_up_to)
            return Error { "broken pipe", Error::Kind::unavailable };
        return {};
    }
    /// Asks for the number of the connection that serves it.
    task<void> ask_for(std::optional<Result<int>>& answer, std::optional<Duration> own)
    {
        auto job = [this](Link& link) -> Result<int> {
            if (throws)
                throw std::runtime_error("a surprise");
            if (hangs)
                return Error { "silence", Error::Kind::unavailable };
            if (link.number <= broken_up_to)
                return Error { "broken pipe", Error::Kind::unavailable };
            return link.number;
        };
        task<Result<int>> asking = own ? pool.run(std::move(job), *own) : pool.run(std::move(job));
        answer.emplace(co_await asking);
    }
    std::optional<Result<int>>& ask(std::optional<Duration> own = {})
    {
        auto& answer = answers.emplace_back();
        loop.run([&] { run_detached(ask_for(answer, own)); });
        return answer;
    }
    std::optional<Result<int>>& ask_and_run()
    {
        auto& answer = ask();
        lane->run_one();
        loop.run_ready();
        return answer;
    }
};

std::string error_of(const std::optional<Result<int>>& answer)
{
    REQUIRE(answer);
    REQUIRE_FALSE(*answer);
    return answer->error().text;
}

}

TEST_CASE("a connection that works serves the next job, too")
{
    Fixture f;
    CHECK(**f.ask_and_run() == 1);
    CHECK(**f.ask_and_run() == 1);
    CHECK(f.made == 1);
    CHECK(f.pool.health().find("state")->as_string() == "ok");
}

TEST_CASE("a connection that broke while it rested is replaced, and nobody notices")
{
    Fixture f;
    CHECK(**f.ask_and_run() == 1);
    f.broken_up_to = 1;
    CHECK(**f.ask_and_run() == 2);
}

TEST_CASE("a connection that took long to break is not tried again: its service hangs")
{
    Fixture f { .timeout = 4ns }; // so everything takes long
    CHECK(**f.ask_and_run() == 1);
    f.broken_up_to = 1;
    CHECK(error_of(f.ask_and_run()) == "broken pipe");
    CHECK(f.made == 1);
    CHECK(**f.ask_and_run() == 2);
}

TEST_CASE("a new connection that breaks is an error, after one try")
{
    Fixture f;
    f.broken_up_to = 10;
    CHECK(error_of(f.ask_and_run()) == "broken pipe");
    CHECK(f.made == 1);
    CHECK(f.pool.health().find("last_error")->as_string() == "broken pipe");
    CHECK(f.pool.health().find("connections")->as_integer() == 0);
}

TEST_CASE("as many may wait as there is room for, and one more is told so at once")
{
    Fixture f;
    auto& first = f.ask();
    auto& second = f.ask();
    auto& third = f.ask();
    CHECK_FALSE(first);
    CHECK_FALSE(second);
    REQUIRE(third);
    CHECK(third->error().kind == Error::Kind::limit);
    f.lane->run_one();
    f.lane->run_one();
    f.loop.run_ready();
    CHECK(**first == 1);
    CHECK(**second == 1);
}

TEST_CASE("who waits hears at the time-out, and what comes later changes nothing")
{
    Fixture f;
    auto& answer = f.ask();
    f.loop.advance(9s);
    CHECK_FALSE(answer);
    f.loop.advance(1s);
    CHECK(error_of(answer) == "no answer in time");
    CHECK(f.loop.timers() == 0);
    f.lane->run_one();
    f.loop.run_ready();
    CHECK(f.made == 0); // nobody waited, so nothing was done
    CHECK_FALSE(*answer);
}

TEST_CASE("a job may have a time-out of its own")
{
    Fixture f;
    auto& answer = f.ask(60s);
    f.loop.advance(60s - 1ns);
    CHECK_FALSE(answer);
    f.loop.advance(1ns);
    CHECK(error_of(answer) == "no answer in time");
}

TEST_CASE("a service that is dead is left alone, and taken up again when it is back")
{
    Fixture f;
    f.is_down = true;
    for (int i = 0; i < 3; ++i)
        CHECK(error_of(f.ask_and_run()) == "connection refused");
    CHECK(error_of(f.ask()) == "left alone after 3 failures: connection refused");
    CHECK(f.lane->waiting() == 0);
    f.is_down = false;
    f.loop.advance(1s);
    CHECK(**f.ask_and_run() == 1);
    CHECK(**f.ask_and_run() == 1);
}

TEST_CASE("what a job throws is its answer, and its connection is kept")
{
    Fixture f;
    f.throws = true;
    auto& answer = f.ask_and_run();
    CHECK(error_of(answer) == "a surprise");
    CHECK(answer->error().kind == Error::Kind::internal);
    f.throws = false;
    CHECK(**f.ask_and_run() == 1);
    CHECK(f.pool.health().find("busy")->as_integer() == 0);
}

TEST_CASE("a service that is silent for some users only is left alone for nobody")
{
    Fixture f { .has_probe = true };
    f.hangs = true;
    for (int i = 0; i < 3; ++i)
        CHECK(error_of(f.ask_and_run()) == "silence");
    CHECK(f.probes == 0);
    // Open, and its thread is at the probe.
    f.hangs = false;
    CHECK(error_of(f.ask()).find("left alone after 3 failures") == 0);
    REQUIRE(f.lane->waiting() == 1);
    f.lane->run_one();
    CHECK(f.probes == 1);
    CHECK(**f.ask_and_run() == f.made);
    CHECK(f.pool.health().find("state")->as_string() == "ok");
}

TEST_CASE("a service that does not answer the probe, either, is left alone")
{
    Fixture f { .has_probe = true };
    f.is_down = true;
    for (int i = 0; i < 3; ++i)
        f.ask_and_run();
    REQUIRE(f.lane->waiting() == 1);
    f.lane->run_one();
    CHECK(f.probes == 0); // there was nothing to put it to
    CHECK(error_of(f.ask()).find("left alone after 3 failures") == 0);
    CHECK(f.lane->waiting() == 0);
    f.loop.advance(1s);
    // One try, one probe, and no more than that.
    f.ask_and_run();
    REQUIRE(f.lane->waiting() == 1);
    f.lane->run_one();
    CHECK(error_of(f.ask()).find("left alone after 4 failures") == 0);
    CHECK(f.lane->waiting() == 0);
}

TEST_CASE("a probe that finds no room is put after the next failure")
{
    Fixture f { .has_probe = true };
    f.hangs = true;
    for (int i = 0; i < 2; ++i)
        f.ask_and_run();
    auto& last = f.ask();
    f.lane->run_one();
    f.lane->submit([] {});
    f.lane->submit([] {}); // both places are taken when it comes back
    f.loop.run_ready();
    REQUIRE(last);
    CHECK(f.lane->waiting() == 2);
    f.lane->run_one();
    f.lane->run_one();
    f.loop.advance(1s);
    f.ask_and_run();
    REQUIRE(f.lane->waiting() == 1);
    f.lane->run_one();
    CHECK(f.probes == 1);
    f.hangs = false;
    CHECK(**f.ask_and_run() == f.made);
}
