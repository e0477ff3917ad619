#include "log_queue.h"

#include <nuncio/temporary_folder.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

std::string line_of(LogEntry entry, LogFormat format)
{
    entry.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1700000000123));
    std::string out;
    append_line(out, entry, format);
    return out;
}

std::string contents(const std::filesystem::path& path)
{
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

/// What the blocking target and its test share.
struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false;
    bool is_entered = false;
    bool refuses = false;
    std::vector<std::string> lines;

    void wait_entered()
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return is_entered; });
    }
    void open()
    {
        const std::lock_guard lock(mutex);
        is_open = true;
        changed.notify_all();
    }
};

class GatedTarget final : public LogTarget {
public:
    explicit GatedTarget(Gate& gate)
        : gate_(gate)
    {
    }
    Result<void> write(const std::vector<LogEntry>& entries) override
    {
        std::unique_lock lock(gate_.mutex);
        gate_.is_entered = true;
        gate_.changed.notify_all();
        gate_.changed.wait(lock, [this] { return gate_.is_open; });
        if (gate_.refuses)
            return Error { "disk full" };
        for (const auto& entry : entries)
            gate_.lines.push_back(entry.line);
        gate_.changed.notify_all();
        return {};
    }

private:
    Gate& gate_;
};

}

TEST_CASE("a text line has time, level, area and message")
{
    CHECK(line_of({ {}, Log::Level::warn, "c2s", "slow client" }, LogFormat::text)
        == "2023-11-14T22:13:20.123Z warn  c2s: slow client\n");
}

TEST_CASE("a JSON line can be read back")
{
    const auto line = line_of({ {}, Log::Level::error, "tls", "a \"b\"\n" }, LogFormat::json);
    const auto value = Value::parse_json(line);
    REQUIRE(value);
    CHECK(value->find("time")->as_string() == "2023-11-14T22:13:20.123Z");
    CHECK(value->find("level")->as_string() == "error");
    CHECK(value->find("message")->as_string() == "a \"b\"\\n");
}

TEST_CASE("what a peer sent cannot forge a line or drive a terminal")
{
    const auto message = [](std::string_view text) {
        const auto line
            = line_of({ {}, Log::Level::info, "x", std::string(text) }, LogFormat::text);
        return line.substr(line.find("x: ") + 3);
    };
    CHECK(message("a\nb\r\tc") == "a\\nb\\x0d\\tc\n");
    CHECK(message("\x1b[31m\x7f") == "\\x1b[31m\\x7f\n");
    CHECK(message("\xc2\x9b"
                  "1m")
        == "\\u009b1m\n"); // C1 control sequence introducer
    CHECK(message("\xe2\x80\xae"
                  "gnp")
        == "\\u202egnp\n"); // right-to-left override
    CHECK(message("\xff\xc0\x80") == "\\xff\\xc0\\x80\n");
    CHECK(message("grüße 日本") == "grüße 日本\n");
}

TEST_CASE("a file is appended to, and taken up again after a rotation")
{
    const testkit::TemporaryFolder folder;
    const auto file = folder.path("nuncio.log");
    auto sink = LogSink::create({ .target = "file", .file = file });
    REQUIRE(sink);
    const auto log = (*sink)->log("part");
    log->info("one");
    log->debug("not at this level");
    (*sink)->flush();
    CHECK(contents(file).find("info  part: one\n") != std::string::npos);
    CHECK(contents(file).find("not at") == std::string::npos);

    std::filesystem::rename(file, folder.path("nuncio.log.1"));
    REQUIRE((*sink)->reopen());
    log->info("two");
    (*sink)->flush();
    CHECK(contents(file).find("two") != std::string::npos);
    CHECK(contents(file).find("one") == std::string::npos);
    struct stat status { };
    REQUIRE(::stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 07) == 0); // others do not read logs
}

TEST_CASE("a file that cannot be opened is an error that names it")
{
    const auto sink = LogSink::create({ .target = "file", .file = "/nonexistent/nuncio.log" });
    REQUIRE_FALSE(sink);
    CHECK(sink.error().text
        == "cannot open the log file /nonexistent/nuncio.log: No such file or directory; its "
           "folder must exist and be writable");
    CHECK_FALSE(LogSink::create({ .target = "file" }));
}

TEST_CASE("the level can be changed while running")
{
    Gate gate;
    gate.open();
    LogQueue queue(std::make_unique<GatedTarget>(gate), Log::Level::info);
    CHECK_FALSE(queue.is_enabled(Log::Level::debug));
    queue.set_level(Log::Level::debug);
    queue.write(Log::Level::debug, "x", "now");
    queue.flush();
    CHECK(gate.lines == std::vector<std::string> { "now" });
}

TEST_CASE("a line waits for others, but not behind a warning, a flush or half a queue")
{
    Gate gate;
    gate.open();
    const auto has = [&gate](std::size_t lines) {
        std::unique_lock lock(gate.mutex);
        gate.changed.wait(lock, [&] { return gate.lines.size() >= lines; });
        return gate.lines.size() == lines;
    };
    LogQueue queue(std::make_unique<GatedTarget>(gate), Log::Level::info,
        { .entries = 8, .gather = std::chrono::hours(1) });
    queue.write(Log::Level::info, "x", "one");
    queue.write(Log::Level::info, "x", "two");
    queue.write(Log::Level::warn, "x", "three");
    CHECK(has(3));
    queue.write(Log::Level::info, "x", "four");
    queue.flush();
    CHECK(has(4));
    for (const char* line : { "five", "six", "seven" })
        queue.write(Log::Level::info, "x", line);
    {
        const std::lock_guard lock(gate.mutex);
        CHECK(gate.lines.size() == 4);
    }
    queue.write(Log::Level::info, "x", "eight");
    CHECK(has(8));
}

TEST_CASE("a full queue drops, counts and reports; writing never waits")
{
    Gate gate;
    LogQueue queue(std::make_unique<GatedTarget>(gate), Log::Level::info, { .entries = 2 });
    queue.write(Log::Level::info, "x", "first");
    gate.wait_entered(); // the writer holds "first"; the queue is empty again
    for (const char* line : { "second", "third", "fourth", "fifth" })
        queue.write(Log::Level::info, "x", line);
    gate.open();
    queue.flush();
    CHECK(gate.lines
        == std::vector<std::string> { "first", "second", "third",
            "2 lines were dropped: they came faster than they could be written" });
}

TEST_CASE("lines that could not be written are counted and reported when it works again")
{
    Gate gate;
    gate.refuses = true;
    gate.open();
    LogQueue queue(std::make_unique<GatedTarget>(gate), Log::Level::info);
    queue.write(Log::Level::info, "x", "lost");
    queue.flush();
    {
        const std::lock_guard lock(gate.mutex);
        gate.refuses = false;
    }
    queue.write(Log::Level::info, "x", "kept");
    queue.flush();
    CHECK(gate.lines
        == std::vector<std::string> { "kept", "1 lines could not be written: disk full" });
}

TEST_CASE("a line is cut at its bound, and what is queued at the end is written")
{
    Gate gate;
    gate.open();
    {
        LogQueue queue(std::make_unique<GatedTarget>(gate), Log::Level::info, { .line_bytes = 4 });
        queue.write(Log::Level::info, "x", "abcd");
        queue.write(Log::Level::info, "x", "abcde");
    }
    CHECK(gate.lines == std::vector<std::string> { "abcd", "abcd…" });
}
