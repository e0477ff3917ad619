#include "crash_record.h"
#include "quarantine.h"
#include "test_server.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::test;
namespace fs = std::filesystem;

namespace {

/// What a process of its own does until it dies; its signal, or 0.
template <class Code>
int signal_of(Code code)
{
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit no_core {};
        ::setrlimit(RLIMIT_CORE, &no_core);
        code();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

std::string content(const std::string& path)
{
    std::ifstream file(path);
    return { std::istreambuf_iterator<char>(file), {} };
}

void write_record(const std::string& folder, std::chrono::seconds ago, std::string_view plugin)
{
    const auto time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - ago);
    std::ofstream(folder + "/crash-" + std::to_string(time))
        << "signal SIGSEGV\nprocess 1\nplugin " << plugin
        << "\nhost a.example\nkind hook\nhandler stanza.received\nstack\nplugin of the stack\n";
}

Settings settings_for(const std::string& folder)
{
    Settings settings;
    settings.data_dir = folder;
    settings.watchdog.crashes = 2;
    settings.watchdog.window = 10min;
    return settings;
}

}

TEST_CASE("a crash in a plugin leaves a record that names it, and the process ends by its signal")
{
    const TemporaryFolder folder;
    CHECK(signal_of([&] {
        ::setenv("TMPDIR", folder.path().c_str(), 1); // where the server's data will lie
        TestServer server({ "crasher" });
        (void)record_crashes(server->settings().data_dir);
        const SignalStack stack;
        server.ask("urn:test:crash", "1");
        server->settle();
    }) == SIGSEGV);

    REQUIRE(fs::directory_iterator(folder.path()) != fs::directory_iterator());
    const std::string data = fs::directory_iterator(folder.path())->path().string();
    const auto records = crash_records(data);
    REQUIRE(records.size() == 1);
    CHECK(records[0].signal == "SIGSEGV");
    CHECK(records[0].plugin == "crasher");
    CHECK(records[0].host == "a.example");
    CHECK(records[0].handler == "iq server urn:test:crash");
    CHECK(records[0].stanza.starts_with("iq get id=1 "));
    CHECK(records[0].stanza.ends_with(" <query urn:test:crash>"));
    CHECK(std::chrono::system_clock::now() - records[0].time < 1h);
    const std::string text = content(records[0].path);
    const auto mapped = text.find("\nmapped ");
    REQUIRE(mapped != text.npos);
    CHECK(text.find(data + "/plugins/", mapped) != text.npos);
    CHECK(text.find("\nstack\n") != text.npos);
}

TEST_CASE("a crash outside of plugins blames nobody")
{
    const TemporaryFolder folder;
    CHECK(signal_of([&] {
        (void)record_crashes(folder.path());
        ::raise(SIGBUS);
    }) == SIGBUS);
    const auto records = crash_records(folder.path());
    REQUIRE(records.size() == 1);
    CHECK(records[0].signal == "SIGBUS");
    CHECK(records[0].plugin.empty());
}

namespace {

std::vector<std::string> paths_in(const std::string& log)
{
    constexpr std::string_view before = "; see ";
    std::vector<std::string> paths;
    for (auto at = log.find(before); at != log.npos; at = log.find(before, at + 1)) {
        const auto begin = at + before.size();
        paths.push_back(log.substr(begin, log.find('\n', begin) - begin));
    }
    return paths;
}

bool is_judged(const std::string& path)
{
    return path.ends_with(".judged");
}

bool is_there(const std::string& path)
{
    return fs::exists(path);
}

}

TEST_CASE("who has crashed the server often enough in a short while is quarantined, once")
{
    const TemporaryFolder folder;
    LogLines logs;
    const auto log = logs.log("server");
    write_record(folder.path(), 1s, "bad");
    write_record(folder.path(), 2s, "storage-sqlite");
    write_record(folder.path(), 3s, "storage-sqlite");
    write_record(folder.path(), 4s, "unlucky");
    write_record(folder.path(), 599min, "unlucky");
    const Settings settings = settings_for(folder.path());
    const std::string file = folder.path() + "/quarantine.json";
    {
        Quarantine quarantine(file);
        judge_crashes(settings, quarantine, *log);
        CHECK(quarantine.entries().empty());
        CHECK(logs.has("plugin bad on a.example: hook stanza.received"));
        CHECK(logs.has("plugin storage-sqlite is loaded all the same, because it is required"));
    }
    write_record(folder.path(), 10s, "bad");
    {
        Quarantine quarantine(file);
        judge_crashes(settings, quarantine, *log);
        REQUIRE(quarantine.find("bad", "b.example"));
        CHECK(quarantine.find("bad", "b.example")->reason == "it crashed the server 2 times");
        CHECK_FALSE(quarantine.find("unlucky", "a.example"));
        CHECK(logs.has("nuncioctl plugin release bad lifts it"));
        // Every record is where the log says it is, though it has moved.
        const auto told = paths_in(logs.all());
        CHECK(std::ranges::count_if(told, is_judged) == 2);
        CHECK(std::ranges::all_of(std::span(told).last(5), is_there));
    }
    Quarantine quarantine(file);
    judge_crashes(settings, quarantine, *log); // the next start remembers …
    REQUIRE(quarantine.entries().size() == 1);
    const auto released = quarantine.release("bad");
    REQUIRE(released);
    CHECK(*released == 1);
    Quarantine later(file);
    judge_crashes(settings, later, *log); // … and who was released starts from nothing
    CHECK(later.entries().empty());
}

TEST_CASE("a plugin in quarantine is left out at the start, cannot be loaded, and can be released")
{
    TestServer server({ "greeter" }, { NUNCIO_TEST_PLUGINS }, [](const Settings& settings) {
        Quarantine kept(settings.data_dir + "/quarantine.json");
        REQUIRE(kept.add({ "greeter", "a.example", "it is a test" }));
    });
    REQUIRE(server.started());
    CHECK(server.host().published()->instances.empty());
    CHECK(server.logs().has("plugin greeter is quarantined on a.example"));
    CHECK(server.load("greeter", "a.example").find("it is a test; lift that first")
        != std::string::npos);
    const Value list = server->plugins().list();
    REQUIRE(list.as_array().size() == 1);
    CHECK(list.as_array()[0].find("state")->as_string() == "quarantined");
    CHECK(server.load("greeter", "b.example") == ""); // only the one host is meant

    const auto released = server->quarantine().release("greeter");
    REQUIRE(released);
    CHECK(*released == 1);
    CHECK(server.load("greeter", "a.example") == "");
}
