#include "loop_fixture.h"

#include <nuncio/task.h>

#include <atomic>
#include <doctest/doctest.h>
#include <stdexcept>
#include <string>
#include <thread>

namespace nuncio {

using testing::run_detached;
using testing::SmallLoop;

namespace {

    task<int> sum(Completion<int> a, Completion<int> b)
    {
        const auto first = co_await a;
        co_return first + co_await b;
    }

    task<void> note_sum(Completion<int> a, Completion<int> b, int& answer)
    {
        answer = co_await sum(a, b);
    }

    task<void> fail_later()
    {
        co_await sleep_for(1s);
        throw std::runtime_error("late");
    }

    task<void> catch_it(std::string& text)
    {
        try {
            co_await fail_later();
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
    }

    task<void> note(Completion<int> value, int& answer)
    {
        answer = co_await value;
    }

    task<void> note_plugin(Completion<int> value, void*& plugin)
    {
        co_await value;
        plugin = current_plugin();
    }

    task<void> note_within(Completion<int> value, Duration time, std::optional<int>& answer)
    {
        answer = -1;
        answer = co_await within(value, time);
    }

    /// A task that is started and may be dropped while it waits.
    struct Owned {
        struct promise_type {
            Owned get_return_object()
            {
                return { std::coroutine_handle<promise_type>::from_promise(*this) };
            }
            std::suspend_never initial_suspend() noexcept { return {}; }
            std::suspend_always final_suspend() noexcept { return {}; }
            void return_void() { }
            void unhandled_exception() { std::terminate(); }
        };
        std::coroutine_handle<promise_type> handle;
    };
    Owned run_owned(task<void> job)
    {
        co_await job;
    }

}

TEST_CASE("a task waits for values that are there, and for values that come later")
{
    SmallLoop loop;
    int answer = 0;
    Completion<int> a;
    Completion<int> b;
    a.resolve(1);
    loop.run([&] { run_detached(note_sum(a, b, answer)); });
    CHECK(answer == 0);
    b.resolve(2);
    CHECK(answer == 0); // only on its own loop
    loop.run_ready();
    CHECK(answer == 3);
}

TEST_CASE("a value from another thread resumes its waiter on the loop it waited on")
{
    SmallLoop loop;
    for (int i = 0; i < 200; ++i) {
        int answer = -1;
        Completion<int> value;
        std::thread giver([&] { value.resolve(i); });
        loop.run([&] { run_detached(note(value, answer)); });
        giver.join();
        loop.run_ready();
        CHECK(answer == i);
    }
}

TEST_CASE("a task goes on as code of the plugin that it waited as")
{
    SmallLoop loop;
    int plugin = 0;
    void* seen = nullptr;
    Completion<int> value;
    loop.run([&] {
        auto* const before = exchange_current_plugin(&plugin);
        run_detached(note_plugin(value, seen));
        exchange_current_plugin(before);
    });
    value.resolve(1);
    loop.run_ready();
    CHECK(seen == &plugin);
    CHECK(current_plugin() == nullptr);
}

TEST_CASE("what a task throws is thrown where it is awaited")
{
    SmallLoop loop;
    std::string text;
    loop.run([&] { run_detached(catch_it(text)); });
    CHECK(text.empty());
    loop.advance(1s);
    CHECK(text == "late");
}

TEST_CASE("what does not come within the time is not waited for")
{
    SmallLoop loop;
    std::optional<int> answer;
    Completion<int> value;
    SUBCASE("it is there")
    {
        value.resolve(1);
        loop.run([&] { run_detached(note_within(value, 0s, answer)); });
        CHECK(answer == 1);
    }
    SUBCASE("it comes just in time")
    {
        loop.run([&] { run_detached(note_within(value, 1s, answer)); });
        loop.advance(1s - 1ms);
        CHECK(answer == -1);
        value.resolve(2);
        loop.run_ready();
        CHECK(answer == 2);
        CHECK(loop.timers() == 0);
        loop.advance(1s);
    }
    SUBCASE("it comes too late")
    {
        loop.run([&] { run_detached(note_within(value, 1s, answer)); });
        loop.advance(1s);
        CHECK_FALSE(answer);
        value.resolve(3);
        loop.run_ready();
        CHECK_FALSE(answer);
    }
    SUBCASE("it comes while the time runs out")
    {
        Timer racing;
        loop.run([&] {
            run_detached(note_within(value, 1s, answer));
            racing = loop.after(1s, [&value] { value.resolve(4); }); // after the other one
        });
        loop.advance(2s);
        CHECK_FALSE(answer);
    }
    SUBCASE("who waits is destroyed")
    {
        loop.run([&] {
            const auto owned = run_owned(note_within(value, 1s, answer));
            CHECK(loop.timers() == 1);
            owned.handle.destroy();
        });
        CHECK(loop.timers() == 0);
        value.resolve(5);
        loop.advance(2s);
        CHECK(answer == -1);
    }
}

TEST_CASE("a task may be destroyed while it waits")
{
    SmallLoop loop;
    int answer = 0;
    Completion<int> value;
    SUBCASE("for a value, which then comes")
    {
        loop.run([&] { run_owned(note(value, answer)).handle.destroy(); });
        value.resolve(1);
        loop.run_ready();
    }
    SUBCASE("for a value that is on its way already")
    {
        loop.run([&] {
            const auto owned = run_owned(note(value, answer));
            value.resolve(1);
            owned.handle.destroy();
        });
    }
    SUBCASE("for time to pass")
    {
        loop.run([&] {
            const auto owned = run_owned(sleep_for(1s));
            CHECK(loop.timers() == 1);
            owned.handle.destroy();
        });
        CHECK(loop.timers() == 0);
        loop.advance(2s);
    }
    CHECK(answer == 0);
}

TEST_CASE("on a worker thread a waiter goes on where its value is given")
{
    int answer = 0;
    Completion<int> value;
    run_detached(note(value, answer));
    value.resolve(7);
    CHECK(answer == 7);
}

}
