#include "loop_fixture.h"

#include <nuncio/process_pool.h>

#include <doctest/doctest.h>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nuncio;
using namespace std::string_view_literals;
using testing::SmallLoop;

namespace {

constexpr auto yes = "\0\2\0\1"sv;
constexpr auto no = "\0\2\0\0"sv;

/// A process that does what the test says.
class TestProcess final : public Process {
public:
    TestProcess(SmallLoop& loop, ProcessEvents events)
        : events_(std::move(events))
        , loop_(loop)
    {
    }
    void start(Duration delay) override
    {
        delays.push_back(delay);
        timer_ = loop_.after(delay, [this] {
            is_running = !cannot_start;
            if (is_running)
                events_.started();
            else
                events_.ended({ .failure = Error { "there is no such file", why_not } });
        });
    }
    bool write(std::string_view bytes) override
    {
        if (is_running)
            heard.emplace_back(bytes);
        return is_running;
    }
    void end() override { kill(); }
    void kill() override { is_killed = true; }
    std::int64_t id() const override { return is_running ? 1 : 0; }

    void say(std::string_view bytes) { events_.output(bytes); }
    void complain(std::string_view bytes) { events_.errors(bytes); }
    void exit(int status, int signal = 0)
    {
        is_running = is_killed = false;
        events_.ended({ .failure = {}, .status = status, .signal = signal });
    }

    bool cannot_start = false;
    Error::Kind why_not = Error::Kind::unavailable;
    bool is_running = false;
    bool is_killed = false;
    std::vector<std::string> heard;
    std::vector<Duration> delays;

private:
    ProcessEvents events_;
    SmallLoop& loop_;
    Timer timer_;
};

class TestLog final : public Log {
public:
    bool is_enabled(Level) const override { return true; }
    void write(Level level, std::string_view line) override
    {
        lines.emplace_back(line);
        errors += level == Level::error;
    }
    bool has(std::string_view text) const
    {
        for (const std::string& line : lines)
            if (line.find(text) != line.npos)
                return true;
        return false;
    }

    std::vector<std::string> lines;
    int errors = 0;
};

[[noreturn]] void unexpected()
{
    throw std::logic_error("the pool has no business with this");
}

class TestHost final : public Host {
public:
    explicit TestHost(SmallLoop& loop)
        : loop_(loop)
    {
    }
    std::string_view domain() const override { return "capulet.lit"; }
    void route(Stanza) override { unexpected(); }
    void fan_out(Stanza, std::vector<Jid>) override { unexpected(); }
    Loop& home(JidView) override { return loop_; }
    void at_home(JidView, Function<void(Account&)>) override { unexpected(); }
    AccountRef account(JidView) override { unexpected(); }
    Account* find_account(JidView) override { unexpected(); }
    Accounts& accounts() override { unexpected(); }
    std::shared_ptr<const Directory> directory(Component) override { unexpected(); }
    std::string random_id() override { unexpected(); }
    std::size_t loop_count() const override { return 1; }
    Loop& loop(std::size_t) override { return loop_; }

private:
    SmallLoop& loop_;
};

/// Runs tasks, and hands out processes that the test leads.
class TestContext final : public Context {
public:
    Host& host() override { return host_; }
    Log& log() override { return log_; }
    void feature(Component, std::string_view) override { unexpected(); }
    void identity(Component, DiscoIdentity) override { unexpected(); }
    void item(DiscoItem) override { unexpected(); }
    void form(Component, Element) override { unexpected(); }
    Store store(std::string_view) override { unexpected(); }
    std::string data_folder() override { unexpected(); }
    void command(Command, CommandHandler) override { unexpected(); }
    void spawn(task<void> job) override { testing::run_detached(std::move(job)); }
    void every(Duration, Function<void()>) override { unexpected(); }
    std::unique_ptr<Lane> lane(LaneOptions) override { unexpected(); }
    Commands& commands() override { unexpected(); }

    SmallLoop loop_;
    TestHost host_ { loop_ };
    TestLog log_;
    std::vector<TestProcess*> processes;

protected:
    void add_hook(std::string_view, Stage, Function<Flow(void*)>) override { unexpected(); }
    Flow run_hook(std::string_view, void*) override { unexpected(); }
    void add_iq(Component, std::string_view, IqOptions, Function<IqReply(const Iq&)>,
        Function<task<IqReply>(const Iq&)>) override
    {
        unexpected();
    }
    void add_domain(std::string_view, DomainOptions, Function<void(Stanza)>) override
    {
        unexpected();
    }
    std::uint32_t add_slot(bool, std::string_view) override { unexpected(); }
    void add_service(std::string_view, void*) override { unexpected(); }
    Function<void*()> service_finder(std::string_view) override { unexpected(); }
    void run_in_pool(Function<void()>) override { unexpected(); }
    std::uint32_t add_carried_slot(bool, std::string_view, detail::SlotCodec) override
    {
        unexpected();
    }
    std::unique_ptr<Process> make_process(Loop&, ProcessOptions, ProcessEvents events) override
    {
        auto made = std::make_unique<TestProcess>(loop_, std::move(events));
        processes.push_back(made.get());
        return made;
    }
};

/// A pool that has been started, and somebody who asks.
struct Bench {
    explicit Bench(ProcessPoolOptions given = {})
        : pool(context, [&] {
            given.process.command = { "/usr/local/bin/check" };
            given.probe = "isuser:nuncio-self-test:capulet.lit";
            return given;
        }())
    {
        loop.advance(0s);
    }

    /// What is under way holds the pool, as its tasks hold the plugin: it ends by its time-outs.
    ~Bench() { loop.advance(60s); }

    TestProcess& process(std::size_t index) { return *context.processes[index]; }
    /// All answer the probe.
    void make_ready()
    {
        for (TestProcess* process : context.processes)
            process->say(no);
        loop.run_ready();
        for (TestProcess* process : context.processes)
            process->heard.clear();
    }
    std::size_t ask(ProcessRequest request)
    {
        const auto number = asked++;
        loop.run([&] { context.spawn(wait(std::move(request), number)); });
        return number;
    }
    /// The code as text, or what kind of error there was.
    std::string answer(std::size_t number)
    {
        loop.run_ready();
        const auto found = answers.find(number);
        if (found == answers.end())
            return "none yet";
        if (found->second)
            return std::to_string(*found->second);
        last_error = found->second.error().text;
        return found->second.error().kind == Error::Kind::unavailable ? "unavailable"
            : found->second.error().kind == Error::Kind::limit        ? "limit"
                                                                      : "something else";
    }

    TestContext context;
    SmallLoop& loop = context.loop_;
    TestLog& log = context.log_;
    std::size_t asked = 0;
    std::map<std::size_t, Result<std::uint16_t>> answers;
    std::string last_error;
    ProcessPool pool;

private:
    task<void> wait(ProcessRequest request, std::size_t number)
    {
        auto answer = co_await pool.ask(std::move(request));
        answers.emplace(number, std::move(answer));
    }
};

const ProcessRequest request {
    .payload = "auth:juliet:capulet.lit:r0m30", .secret = "r0m30", .may_repeat = true
};
const std::string packet = std::string("\0\x1D", 2) + request.payload;

}

TEST_CASE("nobody is given to a process before it has answered the probe")
{
    Bench bench({ .processes = 1 });
    REQUIRE(bench.process(0).heard.size() == 1);
    CHECK(bench.process(0).heard[0].substr(2) == "isuser:nuncio-self-test:capulet.lit");
    const auto asked = bench.ask(request);
    CHECK(bench.process(0).heard.size() == 1);
    CHECK(bench.answer(asked) == "none yet");
    bench.process(0).say(no);
    bench.loop.run_ready();
    REQUIRE(bench.process(0).heard.size() == 2);
    CHECK(bench.process(0).heard[1] == packet);
    bench.process(0).say(yes);
    CHECK(bench.answer(asked) == "1");
    CHECK(bench.log.lines.empty());
}

TEST_CASE("each process has one request at a time, and the others wait their turn")
{
    Bench bench({ .processes = 2 });
    bench.make_ready();
    std::vector<std::size_t> asked;
    for (const std::string user : { "a", "b", "c", "d" })
        asked.push_back(bench.ask({ .payload = user }));
    CHECK(bench.process(0).heard == std::vector<std::string> { std::string("\0\1a", 3) });
    CHECK(bench.process(1).heard == std::vector<std::string> { std::string("\0\1b", 3) });
    CHECK(bench.pool.health().find("waiting")->as_integer() == 2);
    CHECK(bench.pool.health().find("busy")->as_integer() == 2);
    bench.process(1).say(no);
    CHECK(bench.answer(asked[1]) == "0");
    CHECK(bench.process(1).heard.back() == std::string("\0\1c", 3));
    bench.process(1).say(yes);
    CHECK(bench.process(1).heard.back() == std::string("\0\1d", 3));
    bench.process(1).say(no);
    bench.process(0).say(yes);
    CHECK(bench.answer(asked[0]) == "1");
    CHECK(bench.answer(asked[2]) == "1");
    CHECK(bench.answer(asked[3]) == "0");
    CHECK(bench.pool.health().find("waiting")->as_integer() == 0);
}

TEST_CASE("an answer may come byte by byte")
{
    Bench bench({ .processes = 1 });
    bench.make_ready();
    const auto asked = bench.ask(request);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(bench.answer(asked) == "none yet");
        bench.process(0).say(yes.substr(i, 1));
    }
    CHECK(bench.answer(asked) == "1");
}

TEST_CASE("as many wait as may, and one more is told so at once")
{
    Bench bench({ .processes = 1, .queue = 2 });
    bench.make_ready();
    for (int i = 0; i < 3; ++i)
        CHECK(bench.answer(bench.ask(request)) == "none yet");
    CHECK(bench.answer(bench.ask(request)) == "limit");
    bench.process(0).say(yes);
    bench.loop.run_ready();
    CHECK(bench.answer(bench.ask(request)) == "none yet");
}

TEST_CASE("a request that fits no packet is refused, and no process hears of it")
{
    Bench bench({ .processes = 1 });
    bench.make_ready();
    CHECK(bench.answer(bench.ask({ .payload = std::string(65536, 'x') })) == "limit");
    CHECK(bench.process(0).heard.empty());
    CHECK(bench.answer(bench.ask({ .payload = std::string(65535, 'x') })) == "none yet");
    CHECK(bench.process(0).heard.size() == 1);
}

TEST_CASE("who gives no answer in time is ended, and started again after a rest")
{
    Bench bench({ .processes = 1, .timeout = 10s, .first_rest = 200ms });
    bench.make_ready();
    const auto asked = bench.ask(request);
    bench.loop.advance(9999ms);
    CHECK(bench.answer(asked) == "none yet");
    CHECK_FALSE(bench.process(0).is_killed);
    bench.loop.advance(1ms);
    CHECK(bench.answer(asked) == "unavailable");
    CHECK(bench.process(0).is_killed);
    bench.process(0).say(yes); // too late: nobody may take it for another's
    bench.process(0).exit(0, 9);
    CHECK(bench.process(0).delays.back() == 200ms);
    const auto later = bench.ask(request);
    CHECK(bench.answer(later) == "none yet");
    bench.loop.advance(200ms);
    bench.process(0).say(no);
    bench.loop.run_ready();
    bench.process(0).say(yes);
    CHECK(bench.answer(later) == "1");
}

TEST_CASE("who waits in the queue waits no longer than who is served")
{
    Bench bench({ .processes = 1, .timeout = 10s });
    bench.make_ready();
    (void)bench.ask(request);
    bench.loop.advance(4s);
    bench.process(0).say(yes);
    (void)bench.ask(request);
    bench.loop.advance(5s);
    const auto queued = bench.ask(request);
    bench.loop.advance(9s);
    // The one before was given up meanwhile, and its process with it.
    bench.process(0).exit(0, 9);
    CHECK(bench.answer(queued) == "none yet");
    bench.loop.advance(1s);
    CHECK(bench.answer(queued) == "unavailable");
}

TEST_CASE("anything but an answer ends the process, and is no answer")
{
    for (const auto bytes : { "1"sv, "\0\2\0\2"sv, "\0\1\1"sv, "\0\2\0\1\0"sv, "yes\n"sv }) {
        CAPTURE(bytes);
        Bench bench({ .processes = 1 });
        bench.make_ready();
        const auto asked = bench.ask(request);
        bench.process(0).say(bytes);
        CHECK(bench.answer(asked) == "unavailable");
        CHECK(bench.process(0).is_killed);
    }
}

TEST_CASE("who speaks without being asked is ended before its words become an answer")
{
    Bench bench({ .processes = 1 });
    bench.make_ready();
    bench.process(0).say(yes);
    CHECK(bench.process(0).is_killed);
    const auto asked = bench.ask(request);
    CHECK(bench.process(0).heard.empty());
    CHECK(bench.answer(asked) == "none yet");
}

TEST_CASE("a process that ends in the middle of a request leaves it to another one, once")
{
    Bench bench({ .processes = 2 });
    bench.make_ready();
    const auto asked = bench.ask(request);
    bench.process(0).exit(0, 9);
    bench.loop.run_ready();
    CHECK(bench.answer(asked) == "none yet");
    REQUIRE(bench.process(1).heard.size() == 1);
    CHECK(bench.process(1).heard[0] == packet);
    SUBCASE("which answers")
    {
        bench.process(1).say(yes);
        CHECK(bench.answer(asked) == "1");
    }
    SUBCASE("which ends, too")
    {
        bench.process(1).exit(0, 9);
        CHECK(bench.answer(asked) == "unavailable");
    }
}

TEST_CASE("what must not be done twice is not asked twice")
{
    Bench bench({ .processes = 2 });
    bench.make_ready();
    const auto asked = bench.ask({ .payload = "setpass:juliet:capulet.lit:new" });
    bench.process(0).exit(1);
    CHECK(bench.answer(asked) == "unavailable");
    CHECK(bench.process(1).heard.empty());
}

TEST_CASE("a process that ends after an answer, of its own will, is started again at once")
{
    Bench bench({ .processes = 1 });
    bench.make_ready();
    const auto asked = bench.ask(request);
    bench.process(0).say(yes);
    CHECK(bench.answer(asked) == "1");
    bench.process(0).exit(0);
    CHECK(bench.process(0).delays.back() == 0s);
}

TEST_CASE(
    "a program that cannot be started is told once, tried less and less often, and nobody waits")
{
    Bench bench({ .processes = 1, .first_rest = 1s, .longest_rest = 3s });
    TestProcess& process = bench.process(0);
    const auto early = bench.ask(request);
    process.cannot_start = true;
    process.exit(2);
    CHECK(bench.answer(early) == "unavailable");
    bench.loop.advance(60s);
    CHECK(process.delays[1] == 1s);
    CHECK(process.delays[2] == 2s);
    CHECK(process.delays[3] == 3s);
    CHECK(process.delays.back() == 3s);
    CHECK(bench.answer(bench.ask(request)) == "unavailable");
    CHECK(bench.last_error.find("there is no such file") != std::string::npos);
    CHECK(bench.log.errors == 2); // what it exited with, and that it cannot be started
    CHECK(bench.pool.health().find("state")->as_string() == "failing");

    process.cannot_start = false;
    bench.loop.advance(3s);
    process.say(no);
    CHECK(bench.log.has("answers"));
    CHECK(bench.pool.health().find("state")->as_string() == "ok");
    const auto asked = bench.ask(request); // the breaker knows it, too
    process.say(yes);
    CHECK(bench.answer(asked) == "1");
}

TEST_CASE("where there are no processes none is tried again, and nobody is alarmed")
{
    Bench bench({ .processes = 1 });
    TestProcess& process = bench.process(0);
    process.cannot_start = true;
    process.why_not = Error::Kind::refused;
    process.exit(0);
    bench.loop.advance(200ms);
    const auto starts = process.delays.size();
    const auto errors = bench.log.errors;
    bench.loop.advance(60s);
    CHECK(process.delays.size() == starts);
    CHECK(bench.log.errors == errors);
    CHECK(bench.answer(bench.ask(request)) == "unavailable");
}

TEST_CASE("what is wrong with a program is told with the last that it said")
{
    Bench bench({ .processes = 1 });
    bench.process(0).complain("/usr/bin/env: \xE2\x80\x98pyhton\xE2\x80\x99: No such file\n");
    bench.process(0).exit(127);
    CHECK(bench.log.has("exited with status 127 before it had answered anything"));
    CHECK(bench.log.has(
        "a program was not found; the last that it wrote to its stderr: /usr/bin/env"));
}

TEST_CASE("a process that does not even answer the probe serves nobody, and who waits is told")
{
    Bench bench({ .processes = 1, .timeout = 10s });
    const auto asked = bench.ask(request);
    bench.loop.advance(10s);
    CHECK(bench.process(0).is_killed);
    CHECK(bench.answer(asked) == "unavailable");
    CHECK(bench.log.has("gave no answer within 10 s"));
}

TEST_CASE("after three failures in a row nobody waits for the fourth")
{
    Bench bench({ .processes = 4, .timeout = 10s });
    bench.make_ready();
    for (int i = 0; i < 3; ++i)
        (void)bench.ask(request);
    bench.loop.advance(10s);
    CHECK(bench.answer(bench.ask(request)) == "unavailable");
    CHECK(bench.process(3).heard.empty());
}

TEST_CASE("stderr goes into the log, but no line with the password")
{
    Bench bench({ .processes = 1 });
    bench.make_ready();
    (void)bench.ask(request);
    bench.process(0).complain("looking for jul");
    bench.process(0).complain("iet\ngot auth:juliet:capulet.lit:r0");
    bench.process(0).complain("m30\n");
    bench.process(0).say(no);
    bench.process(0).complain("r0m30 was wrong\n");
    CHECK(bench.log.has("says: looking for juliet"));
    CHECK(bench.log.has("withheld"));
    CHECK_FALSE(bench.log.has("r0m30"));
    CHECK_FALSE(bench.log.has("got auth"));
}

TEST_CASE("a flood of lines is cut short, and so is a line")
{
    Bench bench({ .processes = 1 });
    bench.make_ready();
    for (int i = 0; i < 1000; ++i)
        bench.process(0).complain("again\n");
    CHECK(bench.log.lines.size() == 20);
    bench.loop.advance(1s);
    bench.process(0).complain(std::string(100'000, 'x'));
    bench.process(0).complain("\n");
    REQUIRE(bench.log.lines.size() == 22);
    CHECK(bench.log.lines[20].find("980 lines were left out") != std::string::npos);
    CHECK(bench.log.lines[21].size() < 1100);
}

TEST_CASE("codes above 1 are answers where the plugin says so")
{
    Bench bench({ .processes = 1, .codes = 5 });
    bench.make_ready();
    const auto asked = bench.ask(request);
    bench.process(0).say("\0\2\0\4"sv);
    CHECK(bench.answer(asked) == "4");
}
