// References, and character data that contains them.
#include "xml_reference.h"

#include "xml_scan.h"

#include <algorithm>
#include <cstring>

namespace nuncio::inline v1::xml {

namespace {

    using Verdict = Reference::Verdict;

    int digit(char c, bool hex)
    {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (hex && c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        if (hex && c >= 'A' && c <= 'F')
            return c - 'A' + 10;
        return -1;
    }

    Reference read_character(const char* const start, const char* end)
    {
        const char* at = start + 2;
        if (at == end)
            return { Verdict::need_more };
        const bool hex = *at == 'x';
        const char* const digits = at += hex ? 1 : 0;
        char32_t value = 0;
        for (;; ++at) {
            if (at - start >= static_cast<std::ptrdiff_t>(longest_reference))
                return { Verdict::limit };
            if (at == end)
                return { Verdict::need_more };
            if (*at == ';')
                break;
            const int next = digit(*at, hex);
            if (next < 0)
                return { Verdict::not_well_formed };
            value = std::min<char32_t>(
                value * (hex ? 16 : 10) + static_cast<char32_t>(next), 0x110000);
        }
        if (at == digits || !unicode::is_xml_char(value))
            return { Verdict::not_well_formed };
        return { Verdict::ok, value, static_cast<std::size_t>(at + 1 - start) };
    }

    Reference predefined(std::string_view name)
    {
        constexpr std::pair<std::string_view, char32_t> entities[]
            = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' } };
        for (const auto& [known, value] : entities) {
            if (name == known)
                return { Verdict::ok, value, name.size() + 2 };
        }
        return { Verdict::restricted };
    }

}

Reference read_reference(const char* const start, const char* end)
{
    const char* at = start + 1;
    if (at == end)
        return { Verdict::need_more };
    if (*at == '#')
        return read_character(start, end);
    for (;;) {
        if (at - start >= static_cast<std::ptrdiff_t>(longest_reference))
            return { Verdict::restricted };
        const auto [c, size] = unicode::decode(at, end);
        if (size == 0)
            return { Verdict::need_more };
        const bool first = at == start + 1;
        if (size > 0 && c == ';' && !first)
            return predefined({ start + 1, static_cast<std::size_t>(at - start - 1) });
        if (size < 0
            || !((first ? unicode::is_name_start(c) : unicode::is_name_char(c)) || c == ':'))
            return { Verdict::not_well_formed };
        at += size;
    }
}

std::string_view decode_text(Arena& arena, std::string_view raw)
{
    constexpr std::string_view cdata_start = "<![CDATA[";
    constexpr std::string_view cdata_end = "]]>";
    // Every replacement is shorter than what it replaces.
    char* const start = static_cast<char*>(arena.allocate(raw.size()));
    char* to = start;
    const char* at = raw.data();
    const char* const end = at + raw.size();
    bool in_cdata = false;
    while (at < end) {
        if (!in_cdata && *at == '&') {
            const auto found = read_reference(at, end);
            to = unicode::encode(found.value, to);
            at += found.size;
        } else if (!in_cdata && *at == '<') {
            in_cdata = true;
            at += cdata_start.size();
        } else if (in_cdata && *at == ']' && end - at >= 3 && std::memcmp(at, "]]>", 3) == 0) {
            in_cdata = false;
            at += cdata_end.size();
        } else if (*at == '\r') {
            *to++ = '\n';
            at += end - at >= 2 && at[1] == '\n' ? 2 : 1;
        } else {
            *to++ = *at++;
        }
    }
    return { start, static_cast<std::size_t>(to - start) };
}

std::string_view decode_value(Arena& arena, std::string_view raw)
{
    char* const start = static_cast<char*>(arena.allocate(raw.size()));
    char* to = start;
    const char* at = raw.data();
    const char* const end = at + raw.size();
    while (at < end) {
        if (*at == '&') {
            const auto found = read_reference(at, end);
            to = unicode::encode(found.value, to);
            at += found.size;
        } else if (is(*at, space)) {
            // §2.11 comes first: a pair is one line end, so one blank.
            at += *at == '\r' && end - at >= 2 && at[1] == '\n' ? 2 : 1;
            *to++ = ' ';
        } else {
            *to++ = *at++;
        }
    }
    return { start, static_cast<std::size_t>(to - start) };
}

}
