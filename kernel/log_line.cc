// How a log line looks: text for eyes, JSON for programs.
#include "log_target.h"

#include <nuncio/value.h>

#include <cstdio>
#include <ctime>

namespace nuncio::kernel {

std::string_view to_string(Log::Level level)
{
    switch (level) {
    case Log::Level::debug:
        return "debug";
    case Log::Level::info:
        return "info";
    case Log::Level::warn:
        return "warn";
    case Log::Level::error:
        return "error";
    }
    return {};
}

namespace {

    /// RFC 3339 in UTC with milliseconds.
    void append_time(std::string& out, std::chrono::system_clock::time_point time)
    {
        const auto since = time.time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
        const auto millis = std::chrono::floor<std::chrono::milliseconds>(since) - seconds;
        const std::time_t calendar = seconds.count();
        std::tm utc {};
        gmtime_r(&calendar, &utc);
        char text[64];
        std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
            utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, int(millis.count()));
        out += text;
    }

    struct Decoded {
        char32_t point = 0;
        std::size_t length = 0; ///< 0: not UTF-8
    };

    Decoded decode(std::string_view text)
    {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
        const unsigned first = byte(0);
        if (first < 0x80)
            return { first, 1 };
        const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        if (first < 0xc2 || first > 0xf4 || text.size() < length)
            return {};
        char32_t point = first & (0xffu >> (length + 1));
        for (std::size_t i = 1; i < length; ++i) {
            if ((byte(i) & 0xc0) != 0x80)
                return {};
            point = point << 6 | (byte(i) & 0x3f);
        }
        constexpr char32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        if (point < least[length] || point > 0x10ffff || is_surrogate)
            return {};
        return { point, length };
    }

    bool is_dangerous(char32_t point)
    {
        return point < 0x20 || (point >= 0x7f && point <= 0x9f) // C0, DEL, C1
            || point == 0x2028 || point == 0x2029 // line and paragraph separators
            || (point >= 0x200e && point <= 0x200f) || (point >= 0x202a && point <= 0x202e)
            || (point >= 0x2066 && point <= 0x2069); // direction marks
    }

    void append_escaped(std::string& out, std::string_view text)
    {
        while (!text.empty()) {
            const Decoded decoded = decode(text);
            const std::size_t length = decoded.length ? decoded.length : 1;
            char escaped[16] = {};
            if (decoded.length == 0 || (decoded.length == 1 && is_dangerous(decoded.point)))
                std::snprintf(escaped, sizeof escaped, "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(text.front())));
            else if (is_dangerous(decoded.point))
                std::snprintf(
                    escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(decoded.point));
            if (text.front() == '\n')
                out += "\\n";
            else if (text.front() == '\t')
                out += "\\t";
            else if (escaped[0])
                out += escaped;
            else
                out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }

}

void append_line(std::string& out, const LogEntry& entry, LogFormat format)
{
    if (format == LogFormat::text) {
        append_time(out, entry.time);
        out += ' ';
        const auto level = to_string(entry.level);
        out.append(level).append(6 - level.size(), ' ');
        append_escaped(out, entry.area);
        out += ": ";
        append_escaped(out, entry.line);
        out += '\n';
        return;
    }
    std::string time, line;
    append_time(time, entry.time);
    append_escaped(line, entry.line);
    Value value;
    value["time"] = std::move(time);
    value["level"] = to_string(entry.level);
    value["area"] = entry.area;
    value["message"] = std::move(line);
    out += value.json();
    out += '\n';
}

}
