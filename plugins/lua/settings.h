// The options of the plugin: each bound on scripts has a name here.
#pragma once

#include "budget.h"
#include "record.h"
#include "script.h"
#include "shared.h"

#include <nuncio/schema.h>

#include <string>
#include <vector>

namespace nuncio::lua {

struct Settings {
    std::vector<std::string> scripts;
    std::string folder = "lua.d";
    Value settings = Value::Array();
    std::uint32_t instructions = 200'000;
    Duration slow = 2ms;
    Duration time = 10ms;
    Bytes memory { 4 * 1024 * 1024 };
    Bytes script_bytes { 262'144 };
    std::uint32_t failures = 10;
    Duration failure_window = 60s;
    Duration rest = 300s;
    std::uint32_t waits = 32;
    Duration await_time = 10s;
    std::uint32_t waiting_calls = 1000;
    std::uint32_t waiting_stanzas = 64;
    std::uint32_t sends = 8;
    std::uint32_t timers = 64;
    std::uint32_t log_lines = 60;
    Bytes value_bytes { 65'536 };
    std::uint32_t shared_keys = 100'000;
    Bytes shared_bytes { 16 * 1024 * 1024 };
    Duration try_time = std::chrono::hours(1);
    std::uint32_t try_lines = 1000;

    static Schema schema();
    Budget budget() const
    {
        return { .instructions = instructions, .slow = slow, .time = time, .memory = memory.count };
    }
    Script::Bounds bounds() const
    {
        return { .waits = waits,
            .sends = sends,
            .timers = timers,
            .calls = waiting_calls,
            .value_bytes = value_bytes.count };
    }
    Penalty penalty() const
    {
        return { .failures = failures, .window = failure_window, .time = rest };
    }
    /// What the administrator set for one script: a table, or null.
    const Value* options_of(std::string_view script) const;
    /// The commands that it may call.
    std::vector<std::string> commands_of(std::string_view script) const;
};

}
