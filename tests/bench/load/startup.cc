#include "startup.h"

#include "clock.h"
#include "process.h"

#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nuncio::bench {

namespace {

    void pause_ms(long milliseconds)
    {
        const timespec pause { .tv_sec = milliseconds / 1000,
            .tv_nsec = milliseconds % 1000 * 1'000'000 };
        nanosleep(&pause, nullptr);
    }

    pid_t spawn(const std::vector<std::string>& command)
    {
        std::vector<char*> arguments;
        for (const auto& word : command)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        const pid_t pid = fork();
        if (pid != 0)
            return pid;
        execvp(arguments[0], arguments.data());
        std::perror(arguments[0]);
        _exit(127);
    }

    bool accepts(const Options& options)
    {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in to {};
        to.sin_family = AF_INET;
        to.sin_port = htons(options.port);
        inet_pton(AF_INET, options.address.c_str(), &to.sin_addr);
        const bool connected
            = ::connect(descriptor, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
        ::close(descriptor);
        return connected;
    }

    bool has_ended(pid_t pid)
    {
        return waitpid(pid, nullptr, WNOHANG) == pid;
    }

    // SIGTERM, and SIGKILL for who is still there ten seconds later.
    void stop(pid_t pid)
    {
        kill(pid, SIGTERM);
        for (int i = 0; i < 1000; ++i) {
            if (has_ended(pid))
                return;
            pause_ms(10);
        }
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }

}

int measure_startup(const Options& options)
{
    if (accepts(options)) {
        std::cerr << "something listens on port " << options.port << " already\n";
        return 2;
    }
    const auto start = now_ns();
    const auto deadline = start + to_ns(options.setup_seconds);
    const auto pid = spawn(options.command);
    while (!accepts(options)) {
        if (has_ended(pid) || now_ns() > deadline) {
            std::cerr << "the server did not start: " << options.command.front() << '\n';
            stop(pid);
            return 2;
        }
        pause_ms(1);
    }
    const auto seconds = to_seconds(now_ns() - start);
    pause_ms(static_cast<long>(options.hold * 1000));
    const auto usage = usage_of_tree(pid, Memory::rss_and_pss);
    stop(pid);

    const nlohmann::ordered_json json { { "label", options.label }, { "scenario", "startup" },
        { "ok", true }, { "startup_ms", seconds * 1000 }, { "rss_kb", usage.rss_kb },
        { "pss_kb", usage.pss_kb }, { "startup_cpu_seconds", usage.cpu_seconds },
        { "processes", usage.processes } };
    std::printf("startup: accepts after %.1f ms; RSS %llu kB, PSS %llu kB in %u processes\n",
        seconds * 1000, static_cast<unsigned long long>(usage.rss_kb),
        static_cast<unsigned long long>(usage.pss_kb), usage.processes);
    if (!options.json.empty())
        std::ofstream(options.json, std::ios::app) << json.dump() << '\n';
    return 0;
}

}
