#include "process.h"

#include "clock.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <openssl/evp.h>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace nuncio::bench {

namespace {

    std::string proc(pid_t pid, const std::string& file)
    {
        return "/proc/" + std::to_string(pid) + "/" + file;
    }

    // proc(5): utime, stime, cutime and cstime are fields 14 to 17; the name in field 2 may hold
    // spaces.
    double cpu_seconds(pid_t pid)
    {
        std::ifstream file(proc(pid, "stat"));
        std::string text;
        std::getline(file, text);
        const auto name_end = text.rfind(')');
        if (name_end == std::string::npos)
            return 0;
        std::istringstream fields(text.substr(name_end + 2));
        std::string skipped;
        for (int field = 3; field < 14; ++field)
            fields >> skipped;
        std::array<double, 4> ticks {};
        for (auto& value : ticks)
            fields >> value;
        return (ticks[0] + ticks[1] + ticks[2] + ticks[3])
            / static_cast<double>(sysconf(_SC_CLK_TCK));
    }

    std::uint64_t field_kb(pid_t pid, const std::string& file, const std::string& name)
    {
        std::ifstream input(proc(pid, file));
        std::string line;
        while (std::getline(input, line)) {
            if (line.starts_with(name))
                return std::strtoull(line.c_str() + name.size(), nullptr, 10);
        }
        return 0;
    }

    // A child belongs to the thread that made it.
    std::vector<pid_t> children(pid_t pid)
    {
        std::vector<pid_t> result;
        std::error_code gone;
        for (const auto& thread : std::filesystem::directory_iterator(proc(pid, "task"), gone)) {
            std::ifstream file(thread.path() / "children");
            pid_t child = 0;
            while (file >> child)
                result.push_back(child);
        }
        return result;
    }

}

Usage usage_of_tree(pid_t root, Memory memory)
{
    Usage sum;
    std::vector<pid_t> todo { root };
    while (!todo.empty() && sum.processes < 1000) {
        const auto pid = todo.back();
        todo.pop_back();
        ++sum.processes;
        sum.cpu_seconds += cpu_seconds(pid);
        sum.rss_kb += field_kb(pid, "status", "VmRSS:");
        if (memory == Memory::rss_and_pss)
            sum.pss_kb += field_kb(pid, "smaps_rollup", "Pss:");
        const auto below = children(pid);
        todo.insert(todo.end(), below.begin(), below.end());
    }
    return sum;
}

double machine_cpu_seconds()
{
    std::ifstream file("/proc/stat");
    std::string name;
    file >> name;
    // user nice system idle iowait irq softirq steal
    std::array<double, 8> ticks {};
    for (auto& value : ticks)
        file >> value;
    return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6])
        / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double own_cpu_seconds()
{
    return to_seconds(clock_ns(CLOCK_PROCESS_CPUTIME_ID));
}

double yardstick_us()
{
    const auto start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    std::array<unsigned char, 20> key {};
    const std::array<unsigned char, 4> salt { 's', 'a', 'l', 't' };
    PKCS5_PBKDF2_HMAC(
        "yardstick", 9, salt.data(), salt.size(), 1500, EVP_sha1(), key.size(), key.data());
    return static_cast<double>(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / 1000;
}

}
