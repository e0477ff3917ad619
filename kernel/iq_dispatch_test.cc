#include "iq_dispatch.h"
#include "iq_queue.h"
#include "ordered_replies.h"
#include "test_server.h"

#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

using namespace nuncio;
using namespace nuncio::kernel;
using test::TestServer;

namespace {

constexpr std::string_view ns = "urn:test:iq";

/// One handler on a.example, asked by users of sink.example, where the answers are kept.
class Bench {
public:
    Bench()
        : sink(server.open_sink())
    {
    }

    using Handler = Function<IqReply(const Iq&)>;
    using WaitingHandler = Function<task<IqReply>(const Iq&)>;

    void put(Discipline declared, Handler handler, WaitingHandler waiting, IqOptions options = {},
        IqLimits limits = {})
    {
        server.put_instance("a.example", [&](PluginInstance& made) {
            instance = &made;
            Registrations::IqHandler entry;
            entry.ns = ns;
            entry.options = options;
            entry.handler = std::move(handler);
            entry.waiting_handler = std::move(waiting);
            entry.queue = make_iq_queue(entry, declared, server.pool(), limits);
            made.registrations().iq_handlers.push_back(std::move(entry));
        });
    }
    void immediate(Discipline discipline, Handler handler)
    {
        put(discipline, std::move(handler), nullptr, { .discipline = discipline });
    }
    void waiting(Discipline discipline, WaitingHandler handler, IqLimits limits = {})
    {
        put(discipline, nullptr, std::move(handler), { .discipline = discipline }, limits);
    }

    void ask(int number, int user = 0)
    {
        server.ask(ns, std::to_string(number), "u" + std::to_string(user) + "@sink.example/r");
    }
    /// The answered ids, of one user or of all.
    std::vector<int> answered(int user = -1) const
    {
        std::vector<int> ids;
        for (const Stanza& stanza : sink)
            if (user < 0 || stanza.to().local() == "u" + std::to_string(user))
                ids.push_back(std::stoi(std::string(stanza.id())));
        return ids;
    }
    std::map<std::string, int> errors() const
    {
        std::map<std::string, int> count;
        for (const Stanza& stanza : sink)
            if (stanza.is_error())
                ++count[std::string(to_string(stanza.error().condition))];
        return count;
    }

    TestServer server { {} };
    std::vector<Stanza>& sink;
    PluginInstance* instance = nullptr;
};

int number_of(const Iq& iq)
{
    return std::stoi(std::string(iq.stanza().id()));
}

std::vector<int> first_numbers(int count)
{
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i)
        numbers.push_back(i);
    return numbers;
}

const std::pair<const char*, Discipline> all_disciplines[] = {
    { "no_queue", Discipline::no_queue() },
    { "one_queue", Discipline::one_queue() },
    { "queues(4)", Discipline::queues(4) },
    { "parallel", Discipline::parallel() },
};

}

TEST_CASE("under every discipline each request is answered once, to its sender, from whom it asked")
{
    for (const auto& [name, discipline] : all_disciplines)
        for (const bool waits : { false, true }) {
            const auto& shown = name;
            CAPTURE(shown);
            CAPTURE(waits);
            Bench bench;
            if (waits)
                bench.waiting(discipline, [](const Iq&) -> task<IqReply> {
                    co_await sleep_for(3ms);
                    co_return IqReply();
                });
            else
                bench.immediate(discipline, [](const Iq&) { return IqReply(); });
            for (int i = 0; i < 200; ++i)
                bench.ask(i, i % 7);
            for (int i = 0; i < 700; ++i)
                bench.server->advance(1ms);
            auto answered = bench.answered();
            std::ranges::sort(answered);
            CHECK(answered == first_numbers(200));
            CHECK(bench.errors().empty());
            for (const Stanza& stanza : bench.sink) {
                CHECK(stanza.type() == Stanza::Type::result);
                CHECK(stanza.from().text() == "a.example");
                CHECK(stanza.to().resource() == "r");
            }
            CHECK(bench.instance->leases() == 0);
        }
}

TEST_CASE("replies leave in the order of the questions of each sender, whoever is faster")
{
    for (const auto& [name, discipline] : all_disciplines) {
        if (discipline.kind == Discipline::Kind::no_queue)
            continue; // A task without a queue makes no promise of order.
        const auto& shown = name;
        CAPTURE(shown);
        Bench bench;
        auto random = std::make_shared<std::mt19937>(7);
        bench.waiting(discipline, [random](const Iq&) -> task<IqReply> {
            co_await sleep_for(std::chrono::milliseconds(1 + (*random)() % 20));
            co_return IqReply();
        });
        for (int i = 0; i < 300; ++i)
            bench.ask(i, i % 5);
        for (int i = 0; i < 4000; ++i)
            bench.server->advance(1ms);
        CHECK(bench.sink.size() == 300);
        for (int user = 0; user < 5; ++user) {
            const auto ids = bench.answered(user);
            CHECK(ids.size() == 60);
            CHECK(std::ranges::is_sorted(ids));
        }
    }
}

TEST_CASE("one_queue has one call under way, queues(n) at most n, parallel as many as there are")
{
    const auto most_at_once = [](Discipline discipline) {
        Bench bench;
        auto now = std::make_shared<std::atomic<int>>(0);
        auto most = std::make_shared<std::atomic<int>>(0);
        bench.waiting(discipline, [now, most](const Iq&) -> task<IqReply> {
            *most = std::max(most->load(), ++*now);
            co_await sleep_for(10ms);
            --*now;
            co_return IqReply();
        });
        for (int i = 0; i < 60; ++i)
            bench.ask(i, i);
        for (int i = 0; i < 1000; ++i)
            bench.server->advance(1ms);
        CHECK(bench.sink.size() == 60);
        return most->load();
    };
    CHECK(most_at_once(Discipline::one_queue()) == 1);
    const int of_four = most_at_once(Discipline::queues(4));
    CHECK(of_four > 1);
    CHECK(of_four <= 4);
    CHECK(most_at_once(Discipline::parallel()) == 60);
    CHECK(most_at_once(Discipline::no_queue()) == 60);
}

TEST_CASE("an immediate handler runs on the loop without a queue, and in the pool with one")
{
    for (const auto& [name, discipline] : all_disciplines) {
        const auto& shown = name;
        CAPTURE(shown);
        Bench bench;
        std::atomic<bool> was_on_loop = false;
        std::atomic<bool> was_plugin = false;
        bench.immediate(discipline, [&](const Iq&) {
            was_on_loop = Loop::current() != nullptr;
            was_plugin = current_plugin() == static_cast<Leased*>(bench.instance);
            return IqReply();
        });
        bench.ask(0);
        bench.server->settle();
        CHECK(bench.sink.size() == 1);
        CHECK(was_plugin);
        CHECK(was_on_loop == (discipline.kind == Discipline::Kind::no_queue));
    }
}

TEST_CASE("a handler written for the loop stays there when the administrator queues it")
{
    Bench bench;
    std::atomic<bool> was_on_loop = false;
    bench.put(Discipline::no_queue(),
        [&](const Iq&) {
            was_on_loop = Loop::current() != nullptr;
            return IqReply();
        },
        nullptr, { .discipline = Discipline::one_queue() });
    bench.ask(0);
    bench.server->settle();
    CHECK(bench.sink.size() == 1);
    CHECK(was_on_loop);
}

TEST_CASE("one_queue in the pool keeps the order of all, queues that of each sender")
{
    std::mutex mutex;
    std::vector<std::pair<std::string, int>> seen;
    const auto note = [&](const Iq& iq) {
        const std::lock_guard lock(mutex);
        seen.emplace_back(iq.from().local(), number_of(iq));
        return IqReply();
    };
    {
        Bench bench;
        bench.immediate(Discipline::one_queue(), note);
        for (int i = 0; i < 500; ++i)
            bench.ask(i, i % 11);
        bench.server->settle();
        REQUIRE(seen.size() == 500);
        CHECK(std::ranges::is_sorted(seen, {}, &std::pair<std::string, int>::second));
    }
    seen.clear();
    {
        Bench bench;
        bench.immediate(Discipline::queues(3), note);
        for (int i = 0; i < 500; ++i)
            bench.ask(i, i % 11);
        bench.server->settle();
        REQUIRE(seen.size() == 500);
        std::map<std::string, int> last;
        for (const auto& [user, number] : seen) {
            CHECK(last.try_emplace(user, -1).first->second < number);
            last[user] = number;
        }
    }
}

TEST_CASE("what a handler throws is answered as internal-server-error, and the queue goes on")
{
    for (const auto& [name, discipline] : all_disciplines)
        for (const bool waits : { false, true }) {
            const auto& shown = name;
            CAPTURE(shown);
            CAPTURE(waits);
            Bench bench;
            if (waits)
                bench.waiting(discipline, [](const Iq& iq) -> task<IqReply> {
                    const bool is_odd = number_of(iq) % 2 != 0;
                    co_await sleep_for(1ms);
                    if (is_odd)
                        throw std::runtime_error("odd");
                    co_return IqReply();
                });
            else
                bench.immediate(discipline, [](const Iq& iq) -> IqReply {
                    if (number_of(iq) % 2)
                        throw 7; // no std::exception at all
                    return {};
                });
            for (int i = 0; i < 10; ++i)
                bench.ask(i);
            bench.server->advance(100ms);
            CHECK(bench.sink.size() == 10);
            CHECK(bench.errors() == std::map<std::string, int> { { "internal-server-error", 5 } });
        }
}

TEST_CASE("a full queue answers resource-constraint at once, and N are taken")
{
    for (const auto& [name, discipline] : all_disciplines) {
        const auto& shown = name;
        CAPTURE(shown);
        Bench bench;
        bench.waiting(discipline,
            [](const Iq&) -> task<IqReply> {
                co_await sleep_for(1s);
                co_return IqReply();
            },
            { .calls = 5 });
        for (int i = 0; i < 5; ++i)
            bench.ask(i);
        bench.server->settle();
        CHECK(bench.sink.empty());
        bench.ask(5);
        bench.server->settle();
        CHECK(bench.errors() == std::map<std::string, int> { { "resource-constraint", 1 } });
        CHECK(bench.sink.front().id() == "5");
        CHECK(bench.sink.front().child("error").attr("type") == "wait");
        bench.server->advance(6s);
        CHECK(bench.sink.size() == 6);
        bench.ask(6);
        bench.server->advance(1s);
        CHECK(bench.sink.size() == 7);
        CHECK(bench.errors().size() == 1);
    }
}

TEST_CASE("the bytes of waiting stanzas are bounded, too")
{
    Bench bench;
    bench.waiting(Discipline::one_queue(),
        [](const Iq&) -> task<IqReply> {
            co_await sleep_for(1s);
            co_return IqReply();
        },
        { .bytes = 1 });
    bench.ask(0);
    bench.server->settle();
    CHECK(bench.errors() == std::map<std::string, int> { { "resource-constraint", 1 } });
}

TEST_CASE("who does not answer in time is answered for, and what comes later is dropped")
{
    for (const auto& [name, discipline] : all_disciplines) {
        const auto& shown = name;
        CAPTURE(shown);
        Bench bench;
        bench.waiting(discipline, [](const Iq& iq) -> task<IqReply> {
            const bool is_slow = number_of(iq) == 0;
            co_await sleep_for(is_slow ? Duration(60s) : Duration(1ms));
            co_return IqReply();
        });
        bench.ask(0);
        bench.ask(1);
        bench.server->advance(29s);
        bench.server->advance(2s);
        CHECK(bench.errors()["internal-server-error"] == 1);
        CHECK(bench.sink.size() == 2);
        CHECK(bench.instance->leases() > 0); // its task is still there
        bench.ask(2);
        bench.server->advance(1s);
        CHECK(bench.sink.size() == 3);
        bench.server->advance(60s);
        CHECK(bench.sink.size() == 3);
        CHECK(bench.instance->leases() == 0);
        CHECK(bench.server.logs().has("has not answered in time"));
    }
}

TEST_CASE("who may not ask hears service-unavailable, and the handler hears nothing")
{
    for (const Access access : { Access::owner, Access::local_users }) {
        Bench bench;
        int calls = 0;
        bench.put(Discipline::no_queue(),
            [&](const Iq&) {
                ++calls;
                return IqReply();
            },
            nullptr, { .access = access });
        bench.ask(0);
        bench.server->settle();
        CHECK(bench.errors() == std::map<std::string, int> { { "service-unavailable", 1 } });
        CHECK(calls == 0);
        bench.server.ask(ns, "1", "u@a.example/r");
        bench.server->settle();
        CHECK(calls == 1);
    }
}

TEST_CASE("disciplines are read as the administrator writes them")
{
    CHECK(parse_discipline("no_queue")->kind == Discipline::Kind::no_queue);
    CHECK(parse_discipline("one_queue")->kind == Discipline::Kind::one_queue);
    CHECK(parse_discipline("parallel")->kind == Discipline::Kind::parallel);
    CHECK(parse_discipline("queues(8)")->count == 8);
    CHECK(parse_discipline("queues(1024)")->count == 1024);
    for (const char* wrong : { "", "queue", "queues", "queues()", "queues(0)", "queues(1025)",
             "queues(-1)", "queues(8", "queues(8 )", "No_Queue" })
        CHECK_FALSE(parse_discipline(wrong));
}

TEST_CASE("ordered replies filled from many threads leave in order")
{
    Bench bench;
    OrderedReplies ordered;
    std::vector<std::pair<OrderedReplies::Place, int>> places;
    for (int i = 0; i < 400; ++i)
        places.emplace_back(ordered.take_place("u" + std::to_string(i % 3)), i);
    std::ranges::shuffle(places, std::mt19937(3));
    std::vector<std::thread> threads;
    for (std::size_t part = 0; part < 4; ++part)
        threads.emplace_back([&, part] {
            for (std::size_t i = part; i < places.size(); i += 4) {
                Stanza reply(Stanza::Kind::iq, Stanza::Type::result);
                const int number = places[i].second;
                reply.set_id(std::to_string(number)).set_from(*Jid::parse("a.example"));
                reply.set_to(*Jid::parse("u" + std::to_string(number % 3) + "@sink.example/r"));
                ordered.fill(places[i].first, bench.server.host(), std::move(reply));
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    bench.server->settle();
    CHECK(bench.sink.size() == 400);
    for (int user = 0; user < 3; ++user)
        CHECK(std::ranges::is_sorted(bench.answered(user)));
}
