#include "line_format.h"

#include "file_text.h"

#include <algorithm>

namespace nuncio::kernel::accounts {

Result<std::optional<FileEntry>> LineFormat::next()
{
    for (;;) {
        const std::uint64_t line = source_.line();
        std::string text;
        const auto has_line = take_line(text);
        if (!has_line)
            return has_line.error();
        if (!*has_line)
            return std::optional<FileEntry>();
        if (trimmed(text).empty())
            continue;
        auto written = read(text);
        auto account = written ? prepare(std::move(*written), limits_)
                               : Result<FileAccount>(written.error());
        return std::optional(FileEntry { line, std::move(account) });
    }
}

Result<bool> LineFormat::take_line(std::string& line)
{
    std::size_t searched = 0;
    for (;;) {
        const auto rest = source_.rest();
        const auto end = rest.find('\n', searched);
        if (end != rest.npos || rest.size() > limits_.line_bytes) {
            if (std::min(end, rest.size()) > limits_.line_bytes)
                return at_line(source_.line(),
                    "the line is longer than " + std::to_string(limits_.line_bytes) + " bytes");
            line = rest.substr(0, end);
            source_.take(end + 1);
            if (line.ends_with('\r'))
                line.pop_back();
            return true;
        }
        searched = rest.size();
        const auto has_more = source_.more();
        if (!has_more)
            return has_more.error();
        if (*has_more)
            continue;
        line = source_.rest();
        source_.take(line.size());
        return !line.empty();
    }
}

}
