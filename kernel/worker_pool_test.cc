#include "worker_pool.h"

#include <nuncio/loop.h>

#include <atomic>
#include <doctest/doctest.h>
#include <future>

namespace nuncio::kernel {

TEST_CASE("the pool takes as many waiting jobs as it may, and leaves the next one to its owner")
{
    WorkerPool pool({ .threads = 0, .queue_limit = 2 });
    int ran = 0;
    for (int i = 0; i < 2; ++i) {
        Function<void()> job = [&] { ++ran; };
        CHECK(pool.submit(job));
    }
    Function<void()> third = [&] { ran += 10; };
    CHECK_FALSE(pool.submit(third));
    REQUIRE(third);
    third();
    CHECK(pool.waiting() == 2);
    CHECK(pool.run_one());
    CHECK(pool.run_one());
    CHECK_FALSE(pool.run_one());
    CHECK(ran == 12);
}

TEST_CASE("drain waits for everything that was accepted before")
{
    WorkerPool pool({ .threads = 3, .queue_limit = 1000 });
    std::atomic<int> ended = 0;
    for (int i = 0; i < 500; ++i) {
        Function<void()> job = [&] { ++ended; };
        REQUIRE(pool.submit(job));
    }
    pool.drain();
    CHECK(ended == 500);
}

TEST_CASE("jobs run beside each other, outside of any loop, as code of their plugin")
{
    WorkerPool pool({ .threads = 2, .queue_limit = 10 });
    int plugin = 0;
    std::promise<void> first;
    std::promise<void> second;
    void* seen = nullptr;
    exchange_current_plugin(&plugin);
    Function<void()> a = [&] {
        first.set_value();
        second.get_future().wait(); // ends only if the other one runs meanwhile
    };
    Function<void()> b = [&] {
        first.get_future().wait();
        seen = current_plugin();
        CHECK(Loop::current() == nullptr);
        second.set_value();
    };
    REQUIRE(pool.submit(a));
    REQUIRE(pool.submit(b));
    exchange_current_plugin(nullptr);
    pool.drain();
    CHECK(seen == &plugin);
}

TEST_CASE("a pool that ends first finishes what it accepted")
{
    std::atomic<int> ended = 0;
    {
        WorkerPool pool({ .threads = 2, .queue_limit = 1000 });
        for (int i = 0; i < 200; ++i) {
            Function<void()> job = [&] { ++ended; };
            REQUIRE(pool.submit(job));
        }
    }
    CHECK(ended == 200);
}

}
