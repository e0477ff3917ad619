#include "fingerprints.h"

#include <nuncio/jid.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

namespace nuncio::certificate {

namespace {

    constexpr std::size_t digest_digits = 64;
    constexpr std::string_view blank = " \t\r";

    struct CloseFile {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    std::string_view trimmed(std::string_view text)
    {
        const auto first = text.find_first_not_of(blank);
        if (first == text.npos)
            return {};
        return text.substr(first, text.find_last_not_of(blank) - first + 1);
    }

    std::optional<std::string> read_fingerprint(std::string_view text)
    {
        std::string digits;
        for (const char c : text) {
            if (c == ':')
                continue;
            if (c >= 'A' && c <= 'F')
                digits += static_cast<char>(c - 'A' + 'a');
            else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
                digits += c;
            else
                return std::nullopt;
        }
        if (digits.size() != digest_digits)
            return std::nullopt;
        return digits;
    }

}

Result<Fingerprints> Fingerprints::parse(std::string_view text)
{
    Fingerprints made;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto where = [&] { return "line " + std::to_string(number) + ": "; };
        if (number > max_lines)
            return Error { where() + "expected at most " + std::to_string(max_lines) + " lines",
                Error::Kind::limit };
        const auto end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line = trimmed(line.substr(0, line.find('#')));
        if (line.empty())
            continue;
        const auto space = std::min(line.find_first_of(blank), line.size());
        const auto fingerprint = read_fingerprint(line.substr(0, space));
        if (!fingerprint)
            return Error { where() + "expected a SHA-256 fingerprint of 64 hex digits" };
        const auto user = prepare_local(trimmed(line.substr(space)));
        if (!user || user->empty())
            return Error { where() + "expected a user name, without a domain, behind it" };
        made.users_.insert(*user);
        made.by_fingerprint_.emplace(*fingerprint, *user);
    }
    return made;
}

Result<Fingerprints> Fingerprints::load(const std::string& file)
{
    const std::unique_ptr<std::FILE, CloseFile> opened(std::fopen(file.c_str(), "re"));
    if (!opened)
        return Error { file + ": " + std::strerror(errno), Error::Kind::not_found };
    std::string text;
    char buffer[65536];
    while (const auto count = std::fread(buffer, 1, sizeof buffer, opened.get())) {
        text.append(buffer, count);
        if (text.size() > max_bytes)
            return Error { file + ": expected at most 16 MiB", Error::Kind::limit };
    }
    if (std::ferror(opened.get()))
        return Error { file + ": " + std::strerror(errno), Error::Kind::unavailable };
    auto parsed = parse(text);
    if (!parsed)
        return Error { file + ": " + parsed.error().text, parsed.error().kind };
    return parsed;
}

std::vector<std::string> Fingerprints::find(std::string_view fingerprint) const
{
    std::vector<std::string> users;
    const auto [first, last] = by_fingerprint_.equal_range(fingerprint);
    for (auto at = first; at != last; ++at)
        users.push_back(at->second);
    return users;
}

}
