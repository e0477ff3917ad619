// Where log lines go: console, file or journald; text or JSON; reopened on request.
#pragma once

#include "settings.h"

#include <nuncio/log.h>

#include <memory>
#include <string>

namespace nuncio::kernel {

/// Any thread. Writing never blocks a loop for the disk: lines are queued (bounded; what does not
/// fit is counted and reported) and written by a thread of its own.
class LogSink {
public:
    static Result<std::unique_ptr<LogSink>> create(const LogSettings& settings);
    virtual ~LogSink() = default;

    virtual void write(Log::Level level, std::string_view area, std::string_view line) = 0;
    virtual bool is_enabled(Log::Level level) const = 0;
    virtual void set_level(Log::Level level) = 0;
    virtual Result<void> reopen() = 0;
    virtual void flush() = 0;

    /// A Log that names its area ("c2s", "plugin.roster@example.org").
    std::unique_ptr<Log> log(std::string area);
};

}
