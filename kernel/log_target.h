// One place that log lines are written to, and how a line looks there.
#pragma once

#include "settings.h"

#include <nuncio/log.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

struct LogEntry {
    std::chrono::system_clock::time_point time;
    Log::Level level = Log::Level::info;
    std::string area;
    std::string line;
};

enum class LogFormat { text, json };

/// Appends one entry and a newline. Control characters, invisible direction marks and bytes that
/// are not UTF-8 come out escaped, so that what a peer sent can neither forge a line nor drive a
/// terminal.
void append_line(std::string& out, const LogEntry& entry, LogFormat format);

/// Used by the writer's thread alone, but for `reopen`.
class LogTarget {
public:
    /// Opens what the settings name.
    static Result<std::unique_ptr<LogTarget>> create(const LogSettings& settings);
    virtual ~LogTarget() = default;

    virtual Result<void> write(const std::vector<LogEntry>& entries) = 0;
    /// Any thread: takes up a file that was renamed away. Keeps the old one when it fails.
    virtual Result<void> reopen() { return {}; }
};

std::string_view to_string(Log::Level level);

}
