// The queue between whoever logs and the thread that writes.
#pragma once

#include "log_sink.h"
#include "log_target.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace nuncio::kernel {

class LogQueue final : public LogSink {
public:
    struct Bounds {
        std::size_t entries = 16384; ///< waiting
        std::size_t line_bytes = 8192; ///< of one line; the rest is cut
        /// How long a line may wait for others to be written with, so that a burst of lines does
        /// not wake the writer for each. Warnings and errors wait for nobody.
        std::chrono::milliseconds gather { 5 };
    };
    LogQueue(std::unique_ptr<LogTarget> target, Log::Level level, Bounds bounds);
    LogQueue(std::unique_ptr<LogTarget> target, Log::Level level)
        : LogQueue(std::move(target), level, Bounds {})
    {
    }
    ~LogQueue() override; ///< writes what is queued

    void write(Log::Level level, std::string_view area, std::string_view line) override;
    bool is_enabled(Log::Level level) const override
    {
        return level >= level_.load(std::memory_order_relaxed);
    }
    void set_level(Log::Level level) override { level_.store(level, std::memory_order_relaxed); }
    Result<void> reopen() override { return target_->reopen(); }
    void flush() override;

private:
    void run();
    void report_losses(std::vector<LogEntry>& batch, std::uint64_t dropped);

    std::unique_ptr<LogTarget> target_;
    std::atomic<Log::Level> level_;
    const Bounds bounds_;

    std::mutex mutex_;
    std::condition_variable filled_;
    std::condition_variable written_;
    std::vector<LogEntry> waiting_; // guarded by mutex_, as all below
    std::uint64_t dropped_ = 0;
    bool is_writing_ = false;
    bool is_urgent_ = false; ///< what waits is to be written now
    bool is_stopping_ = false;

    std::uint64_t unwritten_ = 0; // the writer's own: lines the target refused, to be reported
    std::string refusal_;
    std::thread thread_; // last: it uses everything above
};

}
