#include <nuncio/turns.h>

#include <doctest/doctest.h>

using namespace nuncio;

namespace {

task<void> take_turn(Turns& turns, std::string name, std::string& log, Completion<bool> gate)
{
    const auto turn = co_await turns.take(name);
    log += name + "+";
    co_await gate;
    log += name + "-";
}

/// Runs a task to its first wait; the test resolves what it waits for.
struct Running {
    struct promise_type {
        Running get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() { }
        void unhandled_exception() { std::terminate(); }
    };
};
Running run(task<void> job)
{
    co_await job;
}

}

TEST_CASE("turns of one account follow one another, those of others do not wait")
{
    Turns turns;
    std::string log;
    const Completion<bool> first, second, other;
    run(take_turn(turns, "a", log, first));
    run(take_turn(turns, "a", log, second));
    run(take_turn(turns, "b", log, other));
    CHECK(log == "a+b+");
    second.resolve(true); // whose turn it is not yet
    CHECK(log == "a+b+");
    first.resolve(true);
    CHECK(log == "a+b+a-a+a-");
    other.resolve(true);
    run(take_turn(turns, "a", log, first));
    CHECK(log == "a+b+a-a+a-b-a+a-");
}

TEST_CASE("who is gone before its turn, or just when it comes, keeps nobody waiting")
{
    Turns turns;
    std::string log;
    const Completion<bool> first, gone, called, last;
    run(take_turn(turns, "a", log, first));
    auto leaving = take_turn(turns, "a", log, gone);
    leaving.await_suspend(std::noop_coroutine()).resume();
    auto too_late = take_turn(turns, "a", log, called);
    too_late.await_suspend(std::noop_coroutine()).resume();
    run(take_turn(turns, "a", log, last));
    leaving = {};
    first.resolve(true);
    CHECK(log == "a+a-a+");
    too_late = {}; // in the middle of its turn
    CHECK(log == "a+a-a+a+");
    last.resolve(true);
    CHECK(log == "a+a-a+a+a-");
}
