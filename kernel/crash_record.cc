// Who is to blame: what a dying server leaves for the next one. The handler calls nothing that is
// not safe in a signal handler, but for the stack at its very end.
#include "crash_record.h"

#include "handler_meter.h"
#include "stanza_outline.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>
#include <execinfo.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t stack_bytes = 131072;
    constexpr int most_frames = 64;
    constexpr std::string_view prefix = "crash-", judged = ".judged";

    struct Fatal {
        int number;
        std::string_view name;
    };
    constexpr Fatal fatal_signals[] = { { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" },
        { SIGFPE, "SIGFPE" }, { SIGILL, "SIGILL" }, { SIGABRT, "SIGABRT" } };

    // A signal handler reaches nothing else. Written before it is installed.
    std::array<char, 4096> file_prefix; // "FOLDER/crash-"
    std::array<char, 4096> code_folder; // "FOLDER/plugins/": where mapped copies lie
    std::array<char, 65536> map_lines;
    std::atomic_flag is_dying;

    void put(int file, std::string_view text)
    {
        while (!text.empty()) {
            const ssize_t written = ::write(file, text.data(), text.size());
            if (written < 0 && errno == EINTR)
                continue;
            if (written <= 0)
                return;
            text.remove_prefix(std::size_t(written));
        }
    }

    void put_field(int file, std::string_view name, std::string_view value)
    {
        put(file, name);
        put(file, " ");
        put(file, value);
        put(file, "\n");
    }

    std::string_view decimal(std::int64_t number, std::array<char, 24>& into)
    {
        const auto end = std::to_chars(into.data(), into.data() + into.size(), number).ptr;
        return { into.data(), std::size_t(end - into.data()) };
    }

    int open_record()
    {
        std::array<char, 4096 + 32> path;
        std::array<char, 24> digits;
        const std::string_view seconds = decimal(::time(nullptr), digits);
        const std::size_t length = std::strlen(file_prefix.data());
        std::memcpy(path.data(), file_prefix.data(), length);
        std::memcpy(path.data() + length, seconds.data(), seconds.size());
        path[length + seconds.size()] = '\0';
        return ::open(path.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    }

    /// The lines of /proc/self/maps that are code of plugins.
    void put_mapped_plugins(int file)
    {
        const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        if (maps < 0)
            return;
        std::size_t kept = 0;
        for (;;) {
            const ssize_t count = ::read(maps, map_lines.data() + kept, map_lines.size() - kept);
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                break;
            std::string_view rest(map_lines.data(), kept + std::size_t(count));
            for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
                const std::string_view line = rest.substr(0, end);
                if (line.find(" r-xp ") != line.npos && line.find(code_folder.data()) != line.npos)
                    put_field(file, "mapped", line);
                rest.remove_prefix(end + 1);
            }
            kept = rest.size();
            std::memmove(map_lines.data(), rest.data(), kept);
        }
        ::close(maps);
    }

    void record(int signal)
    {
        const int file = open_record();
        if (file < 0)
            return;
        std::array<char, 24> digits;
        for (const Fatal& fatal : fatal_signals)
            if (fatal.number == signal)
                put_field(file, "signal", fatal.name);
        put_field(file, "process", decimal(::getpid(), digits));
        if (const HandlerMeter* const meter = this_thread.meter.load(std::memory_order_relaxed)) {
            put_field(file, "plugin", meter->name().plugin);
            put_field(file, "host", meter->name().host);
            put_field(file, "kind", to_string(meter->name().kind));
            put_field(file, "handler", meter->name().handler);
        }
        put_mapped_plugins(file);
        // The rest is a gift: it may meet what is broken, and what is written stays.
        if (const StanzaOutline outline = outline_of_handled(); !outline.text().empty())
            put_field(file, "stanza", outline.text());
        put(file, "stack\n");
        std::array<void*, most_frames> frames;
        ::backtrace_symbols_fd(frames.data(), ::backtrace(frames.data(), most_frames), file);
        ::close(file);
    }

    void die(int signal)
    {
        const int error = errno;
        // The first one is to blame; what happens in here, or on other threads meanwhile, is not.
        if (!is_dying.test_and_set())
            record(signal);
        errno = error;
        // SA_RESETHAND: this time it ends the process, with a core as the system is set up.
        ::raise(signal);
    }

    bool copy_into(std::array<char, 4096>& to, const std::string& text)
    {
        if (text.size() >= to.size())
            return false;
        std::memcpy(to.data(), text.c_str(), text.size() + 1);
        return true;
    }

}

Result<void> record_crashes(const std::string& folder)
{
    if (!copy_into(file_prefix, folder + '/' + std::string(prefix))
        || !copy_into(code_folder, folder + "/plugins/"))
        return Error { folder + ": is too long a path to record crashes in", Error::Kind::limit };
    // The first call opens the library that unwinds, which no signal handler may do.
    std::array<void*, most_frames> frames;
    ::backtrace(frames.data(), most_frames);

    struct sigaction action { };
    action.sa_handler = die;
    // NODEFER, because the signal is raised again from inside.
    action.sa_flags = SA_ONSTACK | static_cast<int>(SA_RESETHAND) | SA_NODEFER;
    for (const Fatal& fatal : fatal_signals)
        ::sigaction(fatal.number, &action, nullptr);
    return {};
}

SignalStack::SignalStack()
    : memory_(std::make_unique_for_overwrite<char[]>(stack_bytes))
{
    stack_t stack {};
    stack.ss_sp = memory_.get();
    stack.ss_size = stack_bytes;
    ::sigaltstack(&stack, nullptr);
}

SignalStack::~SignalStack()
{
    stack_t none {};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
}

std::vector<CrashRecord> crash_records(const std::string& folder)
{
    std::vector<CrashRecord> found;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
        const std::string name = entry.path().filename().string();
        std::int64_t seconds = 0;
        if (!name.starts_with(prefix))
            continue;
        const char* const end = name.data() + name.size();
        const auto read = std::from_chars(name.data() + prefix.size(), end, seconds);
        if (read.ec != std::errc() || read.ptr != end)
            continue;
        CrashRecord record { entry.path().string(), std::chrono::system_clock::from_time_t(seconds),
            {}, {}, {}, {}, {} };
        std::ifstream file(entry.path());
        std::string kind;
        for (std::string line; std::getline(file, line) && line != "stack";) {
            const auto space = line.find(' ');
            const std::string key = line.substr(0, space);
            const std::string value = space == line.npos ? "" : line.substr(space + 1);
            if (key == "signal")
                record.signal = value;
            else if (key == "plugin")
                record.plugin = value;
            else if (key == "host")
                record.host = value;
            else if (key == "kind")
                record.handler = value;
            else if (key == "handler" && !value.empty())
                record.handler += ' ' + value;
            else if (key == "stanza")
                record.stanza = value;
        }
        found.push_back(std::move(record));
    }
    std::ranges::sort(found, {}, &CrashRecord::time);
    return found;
}

void mark_judged(CrashRecord& record)
{
    std::error_code failure;
    const std::string path = record.path + std::string(judged);
    std::filesystem::rename(record.path, path, failure);
    if (!failure)
        record.path = path;
}

}
