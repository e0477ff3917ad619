// Where log lines go: a bounded queue, and one thread that empties it.
#include "log_queue.h"

namespace nuncio::kernel {

namespace {

    class AreaLog final : public Log {
    public:
        AreaLog(LogSink& sink, std::string area)
            : sink_(sink)
            , area_(std::move(area))
        {
        }
        bool is_enabled(Level level) const override { return sink_.is_enabled(level); }
        void write(Level level, std::string_view line) override { sink_.write(level, area_, line); }

    private:
        LogSink& sink_;
        std::string area_;
    };

}

LogQueue::LogQueue(std::unique_ptr<LogTarget> target, Log::Level level, Bounds bounds)
    : target_(std::move(target))
    , level_(level)
    , bounds_(bounds)
    , thread_([this] { run(); })
{
}

LogQueue::~LogQueue()
{
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    filled_.notify_one();
    thread_.join();
}

void LogQueue::write(Log::Level level, std::string_view area, std::string_view line)
{
    if (!is_enabled(level))
        return;
    // The wall clock, not a loop's: lines come from workers and from before there are loops.
    LogEntry entry { std::chrono::system_clock::now(), level, std::string(area),
        std::string(line.substr(0, bounds_.line_bytes)) };
    if (line.size() > bounds_.line_bytes)
        entry.line += "…";
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= bounds_.entries) {
            ++dropped_;
            return;
        }
        const bool is_urgent
            = level >= Log::Level::warn || waiting_.size() + 1 == bounds_.entries / 2;
        waiting_.push_back(std::move(entry));
        if (waiting_.size() > 1 && !is_urgent)
            return; // the writer was told already
        is_urgent_ |= is_urgent;
    }
    filled_.notify_one();
}

void LogQueue::flush()
{
    std::unique_lock lock(mutex_);
    is_urgent_ = true;
    filled_.notify_one();
    written_.wait(lock, [this] { return waiting_.empty() && !is_writing_; });
}

void LogQueue::report_losses(std::vector<LogEntry>& batch, std::uint64_t dropped)
{
    const auto add = [&](std::string line) {
        batch.push_back(
            { std::chrono::system_clock::now(), Log::Level::warn, "log", std::move(line) });
    };
    if (dropped > 0)
        add(nuncio::format(
            "{} lines were dropped: they came faster than they could be written", dropped));
    if (unwritten_ > 0)
        add(nuncio::format("{} lines could not be written: {}", unwritten_, refusal_));
}

void LogQueue::run()
{
    std::vector<LogEntry> batch;
    while (true) {
        std::uint64_t dropped = 0;
        {
            std::unique_lock lock(mutex_);
            is_writing_ = false;
            if (waiting_.empty())
                written_.notify_all();
            filled_.wait(lock, [this] { return !waiting_.empty() || is_stopping_; });
            if (waiting_.empty())
                return;
            filled_.wait_for(lock, bounds_.gather, [this] { return is_urgent_ || is_stopping_; });
            is_urgent_ = false;
            batch.clear();
            std::swap(batch, waiting_);
            dropped = std::exchange(dropped_, 0);
            is_writing_ = true;
        }
        const std::size_t lines = batch.size();
        report_losses(batch, dropped);
        if (auto done = target_->write(batch); !done) {
            unwritten_ += lines + dropped;
            refusal_ = done.error().text;
        } else {
            unwritten_ = 0;
        }
    }
}

Result<std::unique_ptr<LogSink>> LogSink::create(const LogSettings& settings)
{
    auto target = LogTarget::create(settings);
    if (!target)
        return target.error();
    auto level = Log::Level::info;
    for (const auto known :
        { Log::Level::debug, Log::Level::info, Log::Level::warn, Log::Level::error })
        if (settings.level == to_string(known))
            level = known;
    return std::unique_ptr<LogSink>(std::make_unique<LogQueue>(std::move(*target), level));
}

std::unique_ptr<Log> LogSink::log(std::string area)
{
    return std::make_unique<AreaLog>(*this, std::move(area));
}

}
