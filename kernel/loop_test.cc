#include "lease.h"
#include "loop.h"
#include "net_fixture.h"

#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace nuncio::kernel {

using testing::RunningLoop;

namespace {

    /// A plugin for its identity and its leases only.
    struct Nobody final : Leased { };

    /// Runs the rest of a block as code of `plugin`.
    class Inside {
    public:
        explicit Inside(Leased& plugin)
            : before_(exchange_current_plugin(&plugin))
        {
        }
        Inside(const Inside&) = delete;
        ~Inside() { exchange_current_plugin(before_); }

    private:
        void* before_;
    };

    struct Flusher final : TurnEnd {
        std::function<void()> act;
        int runs = 0;
        void at_turn_end() override
        {
            ++runs;
            if (act)
                act();
        }
    };

}

TEST_CASE("mail of four threads arrives complete, and in order for each of them")
{
    constexpr int senders = 4;
    constexpr int letters = 20000;
    RunningLoop running;
    std::vector<int> last(senders, -1);
    std::atomic<int> arrived = 0;
    bool in_order = true;
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender)
        threads.emplace_back([&, sender] {
            for (int i = 0; i < letters; ++i)
                running.loop.post([&, sender, i] {
                    in_order = in_order && last[sender] == i - 1;
                    last[sender] = i;
                    arrived.fetch_add(1, std::memory_order_release);
                });
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(testing::wait_until(
        [&] { return arrived.load(std::memory_order_acquire) == senders * letters; }));
    running.run([&] { CHECK(in_order); });
    CHECK(running.loop.mails() >= senders * letters);
    CHECK(running.loop.wakeups() <= running.loop.mails());
}

TEST_CASE("a loop that sleeps is woken by one letter, and a busy one not at all")
{
    RunningLoop running;
    running.run([] {});
    const auto before = running.loop.wakeups();
    running.run([&] {
        for (int i = 0; i < 100; ++i)
            running.loop.post([] {});
    });
    running.run([] {});
    CHECK(running.loop.wakeups() - before <= 2);
}

TEST_CASE("what is posted is destroyed on the loop, after it ran")
{
    RunningLoop running;
    struct Witness {
        KernelLoop* expected;
        bool* right;
        Witness(KernelLoop* loop, bool* answer)
            : expected(loop)
            , right(answer)
        {
        }
        ~Witness() { *right = KernelLoop::current() == expected; }
    };
    bool right = false;
    running.loop.post(
        [witness = std::make_unique<Witness>(&running.loop, &right)] { (void)witness; });
    running.run([] {});
    CHECK(right);
}

TEST_CASE("a timer that is due before the loop has looked at the clock again still rings")
{
    using Clock = std::chrono::steady_clock;
    RunningLoop running;
    std::promise<void> rang;
    Timer timer;
    running.run([&] {
        timer = running.loop.after(1ms, [&] { rang.set_value(); });
        // A long turn: the loop goes to sleep with an alarm whose time has passed already.
        for (const auto end = Clock::now() + 5ms; Clock::now() < end;) { }
    });
    CHECK(rang.get_future().wait_for(10s) == std::future_status::ready);
    running.run([&] { timer.cancel(); });
}

TEST_CASE("a job runs as code of the plugin that posted it, which cannot end before")
{
    Nobody nobody;
    KernelLoop loop(0, ClockKind::manual);
    void* seen_by_job = nullptr;
    void* seen_by_timer = nullptr;
    Timer timer;
    {
        const Inside inside(nobody);
        loop.post([&] { seen_by_job = current_plugin(); });
        timer = loop.after(1s, [&] { seen_by_timer = current_plugin(); });
    }
    CHECK(nobody.leases() == 1);
    loop.advance(1s);
    CHECK(seen_by_job == &nobody);
    CHECK(seen_by_timer == &nobody);
    CHECK(current_plugin() == nullptr);
    CHECK(nobody.leases() == 0);
}

TEST_CASE("what a job throws is told with its plugin, and the loop goes on")
{
    Nobody nobody;
    KernelLoop loop(0, ClockKind::manual);
    void* culprit = nullptr;
    loop.set_failure_handler([&](void* whose, std::exception_ptr) { culprit = whose; });
    {
        const Inside inside(nobody);
        loop.post([] { throw std::runtime_error("oops"); });
    }
    bool went_on = false;
    loop.post([&] { went_on = true; });
    loop.run_ready();
    CHECK(culprit == &nobody);
    CHECK(went_on);
    CHECK(current_plugin() == nullptr);
}

TEST_CASE("timers fire in the order of their time, equal ones as they were started")
{
    KernelLoop loop(0, ClockKind::manual);
    std::string fired;
    const auto c = loop.after(30ms, [&] { fired += 'c'; });
    const auto a = loop.after(10ms, [&] { fired += 'a'; });
    const auto b = loop.after(20ms, [&] { fired += 'b'; });
    const auto also_b = loop.after(20ms, [&] { fired += 'B'; });
    loop.advance(19ms);
    CHECK(fired == "a");
    CHECK_FALSE(a.is_active());
    CHECK(b.is_active());
    loop.advance(11ms);
    CHECK(fired == "abBc");
}

TEST_CASE("a dropped timer does not fire, also when another one drops it that very moment")
{
    KernelLoop loop(0, ClockKind::manual);
    int fired = 0;
    Timer second;
    const auto first = loop.after(10ms, [&] { second.cancel(); });
    second = loop.after(10ms, [&] { ++fired; });
    {
        const auto gone = loop.after(5ms, [&] { ++fired; });
    }
    loop.advance(1s);
    CHECK(fired == 0);
}

TEST_CASE("a repeating timer repeats until its own job drops it")
{
    KernelLoop loop(0, ClockKind::manual);
    int fired = 0;
    Timer timer = loop.every(100ms, [&] {
        if (++fired == 3)
            timer.cancel();
    });
    loop.advance(250ms);
    CHECK(fired == 2);
    CHECK(timer.is_active());
    loop.advance(1h);
    CHECK(fired == 3);
    CHECK_FALSE(loop.next_timer());
}

TEST_CASE("an advance shows each timer its own time, and what it starts counts from there")
{
    KernelLoop loop(0, ClockKind::manual);
    const auto start = loop.now();
    const auto wall_start = loop.wall_time();
    std::vector<Duration> seen;
    Timer second;
    const auto first = loop.after(10ms, [&] {
        seen.push_back(loop.now() - start);
        second = loop.after(10ms, [&] { seen.push_back(loop.now() - start); });
    });
    loop.advance(1s);
    CHECK(seen == std::vector<Duration> { 10ms, 20ms });
    CHECK(loop.now() - start == 1s);
    CHECK(loop.wall_time() - wall_start == 1s);
}

TEST_CASE("thousands of timers started and cancelled at random still fire in order")
{
    KernelLoop loop(0, ClockKind::manual);
    std::vector<Timer> timers(3000);
    std::vector<TimePoint> fired;
    std::uint32_t state = 1;
    const auto random = [&] { return state = state * 1664525 + 1013904223; };
    for (int i = 0; i < 20000; ++i) {
        const auto delay = std::chrono::milliseconds(1 + (random() >> 8) % 10000);
        timers[(random() >> 8) % timers.size()]
            = loop.after(delay, [&] { fired.push_back(loop.now()); });
    }
    const auto active = std::ranges::count_if(timers, &Timer::is_active);
    loop.advance(10s);
    CHECK(std::ranges::is_sorted(fired));
    CHECK(fired.size() == static_cast<std::size_t>(active));
}

TEST_CASE("timers fire by the real clock, on a loop that sleeps meanwhile")
{
    RunningLoop running;
    std::atomic<int> fired = 0;
    std::vector<Timer> timers;
    const auto begin = std::chrono::steady_clock::now();
    running.run([&] {
        timers.push_back(running.loop.after(20ms, [&] { ++fired; }));
        timers.push_back(running.loop.after(5ms, [&] { ++fired; }));
    });
    CHECK(testing::wait_until([&] { return fired == 2; }));
    CHECK(std::chrono::steady_clock::now() - begin >= 19ms);
    running.run([&] { timers.clear(); });
}

TEST_CASE("the end of a turn runs once for many requests, and again for one made meanwhile")
{
    KernelLoop loop(0, ClockKind::manual);
    Flusher first;
    Flusher second;
    first.act = [&] { loop.queue_turn_end(second); };
    loop.post([&] {
        loop.queue_turn_end(first);
        loop.queue_turn_end(first);
    });
    loop.run_ready();
    CHECK(first.runs == 1);
    CHECK(second.runs == 1);
}

TEST_CASE("what is forgotten at the end of a turn is not run, even by its neighbour")
{
    KernelLoop loop(0, ClockKind::manual);
    Flusher first;
    Flusher second;
    first.act = [&] { loop.forget_turn_end(second); };
    loop.queue_turn_end(first);
    loop.queue_turn_end(second);
    loop.run_ready();
    CHECK(first.runs == 1);
    CHECK(second.runs == 0);
    loop.queue_turn_end(second);
    loop.run_ready();
    CHECK(second.runs == 1);
}

TEST_CASE("something that always has more to do at the end of a turn starves nobody")
{
    KernelLoop loop(0, ClockKind::manual);
    Flusher greedy;
    greedy.act = [&] { loop.queue_turn_end(greedy); };
    loop.queue_turn_end(greedy);
    loop.run_ready();
    CHECK(greedy.runs > 1);
    bool delivered = false;
    loop.post([&] { delivered = true; });
    loop.run_ready();
    CHECK(delivered);
    loop.forget_turn_end(greedy);
}

TEST_CASE("what is dear is done a few in a turn, in its order, and what was forgotten never")
{
    struct Dear final : Patient {
        std::vector<int>* served = nullptr;
        int number = 0;
        void at_last() override { served->push_back(number); }
    };
    KernelLoop loop(0, ClockKind::manual);
    std::vector<int> served;
    std::vector<Dear> line(KernelLoop::patients_per_turn * 2 + 1);
    for (auto& one : line) {
        one.served = &served;
        one.number = static_cast<int>(&one - line.data());
        loop.queue_patient(one);
        loop.queue_patient(one); // counts once
    }
    loop.forget_patient(line[1]);
    // Whoever else has something to do is served in each of the turns between.
    std::size_t others = 0;
    std::vector<std::size_t> by_turn;
    do {
        loop.post([&] { ++others; });
        const auto before = served.size();
        loop.run_ready();
        by_turn.push_back(served.size() - before);
    } while (served.size() < line.size() - 1);
    std::vector<int> in_order(line.size());
    std::iota(in_order.begin(), in_order.end(), 0);
    std::erase(in_order, 1);
    CHECK(served == in_order);
    CHECK(by_turn == std::vector<std::size_t>(2, KernelLoop::patients_per_turn));
    CHECK(others == by_turn.size());
    loop.queue_patient(line[1]);
    loop.run_ready();
    CHECK(served.back() == 1);

    // Nobody queues for the share that a turn has left.
    std::vector<bool> had_time;
    loop.post([&] {
        for (std::size_t i = 0; i <= KernelLoop::patients_per_turn; ++i)
            had_time.push_back(loop.has_time_for_one());
    });
    loop.run_ready();
    std::vector<bool> share(KernelLoop::patients_per_turn, true);
    share.push_back(false);
    CHECK(had_time == share);
}

TEST_CASE("several loops take turns on one thread")
{
    KernelLoop a(0, ClockKind::manual);
    KernelLoop b(1, ClockKind::manual);
    std::string path;
    a.post([&] {
        path += KernelLoop::current() == &a ? "a" : "?";
        b.post([&] {
            path += KernelLoop::current() == &b ? "b" : "?";
            a.post([&] { path += "a"; });
        });
    });
    for (bool active = true; active;) {
        active = a.run_ready();
        active = b.run_ready() || active;
    }
    CHECK(path == "aba");
    CHECK(KernelLoop::current() == nullptr);
}

TEST_CASE("stop lets everything run that was posted before")
{
    KernelLoop loop(0, ClockKind::real);
    int ran = 0;
    loop.post([&] { ++ran; });
    loop.stop();
    loop.run();
    CHECK(ran == 1);
}

TEST_CASE("mail that was never delivered is destroyed with its loop")
{
    auto witness = std::make_shared<int>(0);
    {
        KernelLoop loop(0, ClockKind::real);
        loop.post([witness] {});
        Timer().cancel();
    }
    CHECK(witness.use_count() == 1);
}

TEST_CASE("buffers are lent again, but not huge ones")
{
    KernelLoop loop(0, ClockKind::manual);
    std::string buffer(1000, 'x');
    const auto* const place = buffer.data();
    loop.give_buffer(std::move(buffer));
    auto again = loop.take_buffer();
    CHECK(again.data() == place);
    CHECK(again.empty());
    loop.give_buffer(std::string(1 << 20, 'x'));
    CHECK(loop.take_buffer().capacity() < 100);
    loop.scratch(0).assign(1 << 20, 'x');
    CHECK(loop.scratch(0).empty());
    CHECK(loop.scratch(0).capacity() < 100);
}

}
