// Console, file and journald.
#include "log_target.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <unistd.h>

#ifdef NUNCIO_HAS_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <syslog.h>
#include <systemd/sd-journal.h>
#endif

namespace nuncio::kernel {

namespace {

    Result<void> write_all(int fd, std::string_view text, std::string_view name)
    {
        while (!text.empty()) {
            const ssize_t written = ::write(fd, text.data(), text.size());
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                return Error { std::string(name) + ": " + std::strerror(errno),
                    Error::Kind::unavailable };
            text.remove_prefix(std::size_t(written));
        }
        return {};
    }

    std::string lines(const std::vector<LogEntry>& entries, LogFormat format)
    {
        std::string out;
        for (const LogEntry& entry : entries)
            append_line(out, entry, format);
        return out;
    }

    class ConsoleTarget final : public LogTarget {
    public:
        explicit ConsoleTarget(LogFormat format)
            : format_(format)
        {
        }
        Result<void> write(const std::vector<LogEntry>& entries) override
        {
            return write_all(STDERR_FILENO, lines(entries, format_), "standard error");
        }

    private:
        LogFormat format_;
    };

    class FileTarget final : public LogTarget {
    public:
        static Result<std::unique_ptr<LogTarget>> create(std::string path, LogFormat format)
        {
            auto target = std::make_unique<FileTarget>(std::move(path), format);
            if (auto opened = target->reopen(); !opened)
                return opened.error();
            return std::unique_ptr<LogTarget>(std::move(target));
        }
        FileTarget(std::string path, LogFormat format)
            : path_(std::move(path))
            , format_(format)
        {
        }
        ~FileTarget() override
        {
            if (fd_ >= 0)
                ::close(fd_);
        }

        Result<void> write(const std::vector<LogEntry>& entries) override
        {
            const std::string text = lines(entries, format_);
            const std::lock_guard lock(mutex_);
            return write_all(fd_, text, path_);
        }

        Result<void> reopen() override
        {
            const int opened
                = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
            if (opened < 0)
                return Error { "cannot open the log file " + path_ + ": " + std::strerror(errno)
                    + "; its folder must exist and be writable" };
            const std::lock_guard lock(mutex_);
            if (fd_ >= 0)
                ::close(fd_);
            fd_ = opened;
            return {};
        }

    private:
        std::string path_;
        LogFormat format_;
        std::mutex mutex_; // reopen comes from another thread than write
        int fd_ = -1;
    };

#ifdef NUNCIO_HAS_SYSTEMD
    /// journald keeps time and level by itself, and the area as a field to select by.
    class JournalTarget final : public LogTarget {
    public:
        Result<void> write(const std::vector<LogEntry>& entries) override
        {
            int failure = 0;
            for (const LogEntry& entry : entries) {
                const int sent = sd_journal_send("MESSAGE=%s: %s", entry.area.c_str(),
                    entry.line.c_str(), "PRIORITY=%i", priority(entry.level), "NUNCIO_AREA=%s",
                    entry.area.c_str(), "SYSLOG_IDENTIFIER=nunciod", nullptr);
                failure = sent < 0 ? -sent : failure;
            }
            if (failure == 0)
                return {};
            return Error { std::string("journald: ") + std::strerror(failure),
                Error::Kind::unavailable };
        }

    private:
        static int priority(Log::Level level)
        {
            switch (level) {
            case Log::Level::debug:
                return LOG_DEBUG;
            case Log::Level::info:
                return LOG_INFO;
            case Log::Level::warn:
                return LOG_WARNING;
            case Log::Level::error:
                break;
            }
            return LOG_ERR;
        }
    };
#endif

}

Result<std::unique_ptr<LogTarget>> LogTarget::create(const LogSettings& settings)
{
    const LogFormat format = settings.format == "json" ? LogFormat::json : LogFormat::text;
    if (settings.target == "file") {
        if (settings.file.empty())
            return Error { "log.file: is missing; log.target = \"file\" needs the path of one" };
        return FileTarget::create(settings.file, format);
    }
    if (settings.target == "journald") {
#ifdef NUNCIO_HAS_SYSTEMD
        return std::unique_ptr<LogTarget>(std::make_unique<JournalTarget>());
#else
        return Error { "log.target: this nunciod was built without libsystemd; use \"console\", "
                       "which systemd hands to journald as well" };
#endif
    }
    return std::unique_ptr<LogTarget>(std::make_unique<ConsoleTarget>(format));
}

}
