#include "child_process.h"
#include "net_fixture.h"
#include "program_start.h"

#include <cerrno>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <sstream>
#include <unistd.h>

namespace nuncio::kernel {

using testing::run_until;

namespace {

    struct NotingChild final : ChildUser {
        void on_started() override { is_started = true; }
        void on_output(std::string_view bytes) override { output += bytes; }
        void on_errors(std::string_view bytes) override { errors += bytes; }
        void on_ended(const ProcessEnd& how) override
        {
            CHECK_FALSE(end);
            end = how;
        }
        bool is_started = false;
        std::string output;
        std::string errors;
        std::optional<ProcessEnd> end;
    };

    ProcessOptions shell(const std::string& script)
    {
        return { .command = { "/bin/sh", "-c", script },
            .environment = inherited_environment({}),
            .grace = 50ms };
    }

    /// A loop, and what runs on it.
    struct Bench {
        Bench() { std::signal(SIGPIPE, SIG_IGN); } // as nunciod does
        ~Bench() { children.end_all(); }

        void begin(const ProcessOptions& options)
        {
            auto started = ChildProcess::start(loop, children, options, user);
            REQUIRE_MESSAGE(started, started.error().text);
            child = *started;
        }
        void start(const ProcessOptions& options)
        {
            begin(options);
            REQUIRE(run_until(loop, [this] { return user.is_started; }));
        }
        /// Turns of the loop, for who must not hold it up.
        bool goes_on()
        {
            int ticks = 0;
            const Timer timer = loop.every(1ms, [&ticks] { ++ticks; });
            return run_until(loop, [&ticks] { return ticks >= 50; });
        }
        bool ends()
        {
            return run_until(loop, [this] { return user.end.has_value(); });
        }
        bool says(const std::string& text)
        {
            return run_until(loop, [&] { return user.output.find(text) != std::string::npos; });
        }

        Children children;
        KernelLoop loop { 0, ClockKind::real };
        NotingChild user;
        std::shared_ptr<ChildProcess> child;
    };

    /// A script in a folder of its own.
    struct Script {
        explicit Script(const std::string& text)
        {
            std::string pattern
                = (std::filesystem::temp_directory_path() / "nuncio-script-XXXXXX").string();
            REQUIRE(::mkdtemp(pattern.data()));
            folder = pattern;
            path = folder + "/script";
            std::ofstream(path) << text;
            std::filesystem::permissions(path, std::filesystem::perms(0755));
        }
        ~Script() { std::filesystem::remove_all(folder); }
        std::string folder, path;
    };

    /// While it is held, open(2) of the file waits, as on a file system that hangs.
    struct WriteLease {
        explicit WriteLease(const std::string& path)
            : file(::open(path.c_str(), O_RDONLY | O_CLOEXEC))
        {
            std::signal(SIGIO, SIG_IGN); // it tells that somebody waits
            is_held = ::fcntl(file, F_SETLEASE, F_WRLCK) == 0;
        }
        ~WriteLease() { ::close(file); }
        void release() { ::fcntl(file, F_SETLEASE, F_UNLCK); }
        int file;
        bool is_held;
    };

    /// Starts programs once it is opened; each of its threads waits till then.
    struct Gate {
        Children::Starter starter()
        {
            return [opened = future](const ProcessOptions& options) {
                opened.wait();
                return start_program(options);
            };
        }
        void open() { promise.set_value(); }
        std::promise<void> promise;
        std::shared_future<void> future { promise.get_future() };
    };

    /// Zombies count as gone: who reaps them is not ours to know.
    bool is_gone(const std::string& id)
    {
        std::ifstream file("/proc/" + id + "/stat");
        std::string stat;
        std::getline(file, stat);
        const auto name_end = stat.rfind(") ");
        return name_end == std::string::npos || stat[name_end + 2] == 'Z';
    }

    std::string first_line(const std::string& text)
    {
        return text.substr(0, text.find('\n'));
    }

}

TEST_CASE("a child hears what it is told, and all that it said is told before its end")
{
    Bench bench;
    bench.start(shell("read word; echo \"got $word\"; echo oops >&2; exit 3"));
    CHECK(bench.child->id() > 0);
    CHECK(bench.child->write("hello\n"));
    REQUIRE(bench.ends());
    CHECK(bench.user.output == "got hello\n");
    CHECK(bench.user.errors == "oops\n");
    CHECK(bench.user.end->status == 3);
    CHECK(bench.user.end->signal == 0);
    CHECK(bench.user.end->text() == "exited with status 3");
    CHECK(bench.child->id() == 0);
    CHECK_FALSE(bench.child->write("nobody is there"));
}

TEST_CASE("a child has the environment and folder it was given, and nothing else")
{
    Bench bench;
    ::setenv("NUNCIO_TEST_SECRET", "of the server", 1);
    bench.start({ .command = { "/usr/bin/env" }, .environment = { "ONE=1", "TWO=2 b" } });
    REQUIRE(bench.ends());
    CHECK(bench.user.output == "ONE=1\nTWO=2 b\n");
    ::unsetenv("NUNCIO_TEST_SECRET");

    Bench other;
    auto options = shell("pwd; echo \"$0 $1\"");
    options.command.insert(options.command.end(), { "a $HOME", "b;c" });
    options.folder = "/usr";
    other.start(options);
    REQUIRE(other.ends());
    CHECK(other.user.output == "/usr\na $HOME b;c\n");
}

TEST_CASE("no descriptor of the server's is open in a child")
{
    constexpr int leaky = 200;
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(::dup2(file, leaky) == leaky); // without close-on-exec, as libraries do it
    Bench bench;
    bench.start({ .command = { "/bin/ls", "/proc/self/fd" } });
    REQUIRE(bench.ends());
    CHECK(bench.user.output == "0\n1\n2\n3\n"); // 3 is the folder that it reads
    ::close(leaky);
    ::close(file);
}

TEST_CASE("stdin is a pipe that a script may open by name")
{
    Bench bench;
    bench.start(shell("read word < /dev/stdin; echo \"got $word\""));
    CHECK(bench.child->write("hello\n"));
    REQUIRE(bench.ends());
    CHECK(bench.user.output == "got hello\n");
}

TEST_CASE(
    "a child leads a session and a process group of its own, and no signal is blocked or ignored")
{
    Bench bench;
    bench.start(
        shell("cut -d' ' -f1,5,6 /proc/$$/stat; grep -E '^Sig(Blk|Ign)' /proc/self/status"));
    const auto id = std::to_string(bench.child->id());
    REQUIRE(bench.ends());
    CAPTURE(bench.user.output);
    CHECK(first_line(bench.user.output) == id + ' ' + id + ' ' + id);
    CHECK(bench.user.output.find("SigBlk:\t0000000000000000") != std::string::npos);
    CHECK(bench.user.output.find("SigIgn:\t0000000000000000") != std::string::npos);
}

TEST_CASE("much more than a pipe holds goes in and out whole")
{
    Bench bench;
    bench.start({ .command = { "/bin/cat" }, .input_limit = 4 << 20 });
    std::string sent;
    for (int i = 0; sent.size() < (2 << 20); ++i)
        sent += std::to_string(i) + '\n';
    CHECK(bench.child->write(std::string_view(sent).substr(0, sent.size() / 2)));
    CHECK(bench.child->write(std::string_view(sent).substr(sent.size() / 2)));
    REQUIRE(run_until(bench.loop, [&] { return bench.user.output.size() >= sent.size(); }));
    CHECK(bench.user.output == sent);
    bench.child->end();
    REQUIRE(bench.ends());
}

TEST_CASE("as much as the limit may wait to be read, and not a byte more")
{
    Bench bench;
    auto options = shell("kill -STOP $$");
    options.input_limit = 100'000;
    bench.start(options);
    CHECK_FALSE(bench.child->write(std::string(100'001, 'x')));
    CHECK(bench.child->write(std::string(100'000, 'x')));
    CHECK_FALSE(bench.child->write(std::string(100'000, 'x')));
    bench.child->kill();
    REQUIRE(bench.ends());
    CHECK(bench.user.end->signal == SIGKILL);
}

TEST_CASE("writing to a child that closed its stdin fails, and hurts nobody")
{
    Bench bench;
    bench.start(shell("exec <&-; echo closed; exec sleep 1000"));
    REQUIRE(bench.says("closed"));
    CHECK_FALSE(bench.child->write("hello"));
    CHECK_FALSE(bench.user.end);
    bench.child->kill();
    REQUIRE(bench.ends());
    CHECK(bench.user.end->text() == "was ended by signal 9 (Killed)");
}

TEST_CASE("a child that is ended sees the end of its input, and may tidy up")
{
    Bench bench;
    bench.start(shell("trap 'echo bye; exit 7' TERM; echo ready; while read -r line; do :; done; "
                      "echo eof; while :; do sleep 0.01; done"));
    REQUIRE(bench.says("ready"));
    bench.child->end();
    REQUIRE(bench.ends());
    CHECK(bench.user.output.find("bye") != std::string::npos);
    CHECK(bench.user.end->status == 7);
}

TEST_CASE(
    "a child that does not want to end is killed after the grace, and its own children with it")
{
    Bench bench;
    bench.start(shell("trap '' TERM; sleep 1000 & echo $!; echo ready; wait; wait"));
    REQUIRE(bench.says("ready"));
    bench.child->end();
    REQUIRE(bench.ends());
    CHECK(bench.user.end->signal == SIGKILL);
    const std::string grandchild = first_line(bench.user.output);
    CHECK(testing::wait_until([&] { return is_gone(grandchild); }));
}

TEST_CASE("a stopped child can be killed")
{
    Bench bench;
    bench.start(shell("echo ready; kill -STOP $$"));
    REQUIRE(bench.says("ready"));
    bench.child->kill();
    REQUIRE(bench.ends());
    CHECK(bench.user.end->signal == SIGKILL);
}

TEST_CASE("the end of a child is told although its own child holds the pipes open")
{
    Bench bench;
    bench.start(shell("sleep 1000 & echo $!"));
    REQUIRE(bench.ends());
    CHECK(bench.user.end->status == 0);
    CHECK(testing::wait_until([&] { return is_gone(first_line(bench.user.output)); }));
}

TEST_CASE("who writes without end is read slowly")
{
    Bench bench;
    bench.start(shell("exec yes"));
    const auto began = bench.loop.now();
    REQUIRE(run_until(bench.loop, [&] { return bench.user.output.size() >= (2 << 20); }));
    CHECK(bench.loop.now() - began >= 290ms); // four portions, with a rest after each
    bench.child->kill();
    REQUIRE(bench.ends());
}

TEST_CASE("of a child that was forgotten nothing is told, and it is reaped")
{
    Bench bench;
    bench.start(shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"));
    REQUIRE(bench.says("ready"));
    const auto id = bench.child->id();
    bench.child->forget();
    REQUIRE(run_until(bench.loop, [&] { return bench.child->id() == 0; }));
    CHECK(::kill(id, 0) == -1);
    CHECK(errno == ESRCH);
    CHECK(bench.user.output == "ready\n");
    CHECK_FALSE(bench.user.end);
}

TEST_CASE("none outlives the server: not even who takes no notice of signals")
{
    std::string id;
    {
        Bench bench;
        bench.start(shell("trap '' TERM; echo ready; while :; do sleep 1000; done"));
        REQUIRE(bench.says("ready"));
        id = std::to_string(bench.child->id());
    }
    CHECK(testing::wait_until([&] { return is_gone(id); }));
}

TEST_CASE("what cannot be started says why, and leaves nothing behind")
{
    Bench bench;
    bench.begin({ .command = { "/nonexistent/check" } });
    CHECK_FALSE(bench.user.end); // never at once
    REQUIRE(bench.ends());
    REQUIRE(bench.user.end->failure);
    CHECK(bench.user.end->failure->text.find("no such file") != std::string::npos);
    CHECK_FALSE(bench.user.is_started);
    bench.user.end.reset();
    bench.begin({});
    REQUIRE(bench.ends());
    CHECK(bench.user.end->failure->text.find("not with nothing") != std::string::npos);
    bench.user.end.reset();
    KernelLoop manual(1, ClockKind::manual);
    const auto unreal = ChildProcess::start(manual, bench.children, shell("exit"), bench.user);
    REQUIRE_FALSE(unreal);
    CHECK(unreal.error().kind == Error::Kind::refused);
    CHECK_FALSE(bench.user.end);
}

TEST_CASE("a program whose file system hangs holds a thread of its own, and not the loop")
{
    const Script script("#!/bin/sh\necho hello\n");
    WriteLease lease(script.path);
    if (!lease.is_held) {
        MESSAGE("no leases on this file system");
        return;
    }
    Bench bench;
    bench.begin({ .command = { script.path }, .environment = inherited_environment({}) });
    CHECK(bench.goes_on());
    CHECK_FALSE(bench.user.is_started);
    CHECK_FALSE(bench.user.end);
    CHECK_FALSE(bench.child->write("is anybody there?"));
    lease.release();
    REQUIRE(bench.ends());
    CHECK(bench.user.is_started);
    CHECK(bench.user.output == "hello\n");
}

TEST_CASE("what does not come to start in time is told of, and killed when it starts all the same")
{
    Bench bench;
    Gate gate;
    bench.children.starter = gate.starter();
    const Script script("#!/bin/sh\necho $$ > id; exec sleep 1000\n");
    bench.begin({ .command = { script.path },
        .environment = inherited_environment({}),
        .folder = script.folder,
        .start_time = 30ms });
    REQUIRE(bench.ends());
    REQUIRE(bench.user.end->failure);
    CHECK(bench.user.end->failure->text
        == script.path
            + ": has not come to start within 30 ms: does the file system that it lies on answer?");
    CHECK(bench.child->is_starting());
    gate.open();
    REQUIRE(run_until(bench.loop, [&] { return !bench.child->is_starting(); }));
    const auto id = bench.child->id();
    CHECK(id > 0);
    REQUIRE(run_until(bench.loop, [&] { return bench.child->id() == 0; }));
    CHECK(::kill(id, 0) == -1);
    CHECK_FALSE(bench.user.is_started);
}

TEST_CASE("what is ended while it is being started does not stay")
{
    Bench bench;
    Gate gate;
    bench.children.starter = gate.starter();
    bench.begin(shell("exec sleep 1000"));
    SUBCASE("it is told to end")
    {
        bench.child->end();
    }
    SUBCASE("it is killed")
    {
        bench.child->kill();
    }
    SUBCASE("it is forgotten")
    {
        bench.child->forget();
        bench.user.end.emplace();
    }
    gate.open();
    REQUIRE(bench.ends());
    REQUIRE(run_until(
        bench.loop, [&] { return !bench.child->is_starting() && bench.child->id() == 0; }));
    CHECK_FALSE(bench.user.is_started);
}

TEST_CASE("a server that ends waits for no program that does not come to start")
{
    Gate gate;
    const Script script("#!/bin/sh\necho $$ > id; exec sleep 1000\n");
    const ProcessOptions options { .command = { script.path },
        .environment = inherited_environment({}),
        .folder = script.folder };
    std::promise<int> started;
    {
        Bench bench;
        bench.children.starter
            = [starter = gate.starter(), &started](const ProcessOptions& wanted) {
                  auto program = starter(wanted);
                  started.set_value(program ? program->id : 0);
                  return program;
              };
        bench.begin(options);
    }
    gate.open();
    const int id = started.get_future().get();
    REQUIRE(id > 0);
    CHECK(testing::wait_until([&] { return ::kill(id, 0) == -1 && errno == ESRCH; }));
}

TEST_CASE("a program that has started when its server ends is ended, though no loop knows of it")
{
    std::promise<int> started;
    int id = 0;
    {
        Bench bench;
        bench.children.starter = [&started](const ProcessOptions& wanted) {
            auto program = start_program(wanted);
            started.set_value(program ? program->id : 0);
            return program;
        };
        bench.begin(shell("exec sleep 1000"));
        id = started.get_future().get();
        REQUIRE(id > 0);
    }
    CHECK(testing::wait_until([&] { return is_gone(std::to_string(id)); }));
}

TEST_CASE("there are as many children as there may be, and not one more")
{
    KernelLoop loop(0, ClockKind::real);
    Children children(2);
    NotingChild users[3];
    const auto start = [&](NotingChild& user) {
        return ChildProcess::start(loop, children, shell("exec sleep 1000"), user);
    };
    const auto one = start(users[0]), two = start(users[1]), three = start(users[2]);
    REQUIRE(one);
    REQUIRE(two);
    REQUIRE_FALSE(three);
    CHECK(three.error().kind == Error::Kind::limit);
    (*one)->kill();
    REQUIRE(run_until(loop, [&] { return users[0].end.has_value(); }));
    CHECK(start(users[2]));
    children.end_all();
}

TEST_CASE("a hundred children come and go on one loop")
{
    Bench bench;
    for (int i = 0; i < 100; ++i) {
        bench.user.end.reset();
        bench.start({ .command = { "/bin/true" } });
        REQUIRE(bench.ends());
        CHECK(bench.user.end->status == 0);
    }
}

}
