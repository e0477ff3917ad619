// Structured log lines: the event, then its nouns.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/jid.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace nuncio::inline v1 {

/// One argument of a log line. Never pass a secret or a message body.
class NUNCIO_API LogValue {
public:
    LogValue(std::string_view text)
        : text_(text)
    {
    }
    LogValue(const char* text)
        : text_(text)
    {
    }
    LogValue(const std::string& text)
        : text_(text)
    {
    }
    LogValue(JidView jid)
        : text_(jid.text())
    {
    }
    LogValue(const Jid& jid)
        : text_(jid.text())
    {
    }
    template <class T>
    requires std::is_integral_v<T> LogValue(T number)
        : number_(static_cast<std::int64_t>(number))
        , is_number_(true)
    {
    }
    LogValue(double number);

    /// Appends the value as text.
    void append_to(std::string& out) const;

private:
    std::string_view text_;
    std::int64_t number_ = 0;
    double real_ = 0;
    bool is_number_ = false;
    bool is_real_ = false;
};

/// Replaces each `{}` in turn; a missing argument leaves its braces.
NUNCIO_API std::string format(std::string_view pattern, std::span<const LogValue> values);
template <class... Args>
std::string format(std::string_view pattern, const Args&... args)
{
    const LogValue values[] = { LogValue(args)..., LogValue(std::string_view()) };
    return format(pattern, std::span<const LogValue>(values, sizeof...(args)));
}

/// A named source of log lines ("plugin.roster@example.org"). Any thread. Implemented by the
/// kernel.
class NUNCIO_API Log {
public:
    /// From the least to the most urgent.
    enum class Level { debug, info, warn, error };
    virtual ~Log();

    /// Whether lines of this level are kept, and writes one that was made already. Control
    /// characters in it are escaped.
    virtual bool is_enabled(Level level) const = 0;
    virtual void write(Level level, std::string_view line) = 0;

    /// A stanza's life.
    template <class... Args>
    void debug(std::string_view pattern, const Args&... args)
    {
        line(Level::debug, pattern, args...);
    }
    /// A session's life.
    template <class... Args>
    void info(std::string_view pattern, const Args&... args)
    {
        line(Level::info, pattern, args...);
    }
    /// The administrator might have to act.
    template <class... Args>
    void warn(std::string_view pattern, const Args&... args)
    {
        line(Level::warn, pattern, args...);
    }
    /// The administrator must act.
    template <class... Args>
    void error(std::string_view pattern, const Args&... args)
    {
        line(Level::error, pattern, args...);
    }

private:
    template <class... Args>
    void line(Level level, std::string_view pattern, const Args&... args)
    {
        if (is_enabled(level))
            write(level, format(pattern, args...));
    }
};

}
