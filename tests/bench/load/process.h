// What a server's process and its descendants have used, from /proc.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace nuncio::bench {

struct Usage {
    double cpu_seconds = 0; // User + system, ended threads and waited-for children included.
    std::uint64_t rss_kb = 0;
    std::uint64_t pss_kb
        = 0; // Shared pages divided among those who share them; 0 if not asked for.
    std::uint32_t processes = 0;
};

enum class Memory { rss, rss_and_pss };

Usage usage_of_tree(pid_t root, Memory memory = Memory::rss);

// Processor seconds that all processes of the machine have used since it started.
double machine_cpu_seconds();

// Of this process.
double own_cpu_seconds();

// What a fixed computation costs now, in microseconds: to compare runs on a machine whose speed
// drifts.
double yardstick_us();

}
