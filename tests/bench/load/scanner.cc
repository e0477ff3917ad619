#include "scanner.h"

#include <cstring>

namespace nuncio::bench {

namespace {

    constexpr auto npos = std::string_view::npos;

    // The position after the tag's '>'; an attribute value may contain one (XML 1.0 §2.4).
    std::size_t tag_end(std::string_view input, std::size_t from)
    {
        char quote = 0;
        for (std::size_t i = from; i < input.size(); ++i) {
            const char c = input[i];
            if (quote != 0) {
                if (c == quote)
                    quote = 0;
            } else if (c == '>') {
                return i + 1;
            } else if (c == '"' || c == '\'') {
                quote = c;
            }
        }
        return npos;
    }

    bool is_space(char c)
    {
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
    }

}

Item scan(std::string_view input)
{
    std::size_t start = 0;
    while (start < input.size() && is_space(input[start]))
        ++start;
    if (start == input.size())
        return { .kind = ItemKind::incomplete, .text = {}, .consumed = start };
    if (input[start] != '<')
        return { .kind = ItemKind::malformed, .text = input.substr(start), .consumed = start };

    std::size_t depth = 0;
    std::size_t at = start;
    for (;;) {
        const auto end = tag_end(input, at);
        if (end == npos)
            return {};
        if (input[at + 1] == '?') {
            auto item = scan(input.substr(end));
            item.consumed += end;
            return item;
        }
        const auto tag = input.substr(at, end - at);
        if (depth == 0 && has_name(tag, "stream:stream"))
            return { .kind = ItemKind::stream_open, .text = tag, .consumed = end };
        if (tag[1] == '/') {
            if (depth == 0)
                return { .kind = ItemKind::stream_close, .text = tag, .consumed = end };
            --depth;
        } else if (tag[tag.size() - 2] != '/') {
            ++depth;
        }
        if (depth == 0)
            return {
                .kind = ItemKind::element, .text = input.substr(start, end - start), .consumed = end
            };
        const auto* const next
            = static_cast<const char*>(std::memchr(input.data() + end, '<', input.size() - end));
        if (next == nullptr)
            return {};
        at = static_cast<std::size_t>(next - input.data());
        if (at + 1 == input.size())
            return {};
    }
}

std::string_view attribute(std::string_view element, std::string_view name)
{
    std::size_t i = 0;
    while (i < element.size() && element[i] != '>') {
        const char quote = element[i];
        if (quote != '"' && quote != '\'') {
            ++i;
            continue;
        }
        const auto end = element.find(quote, i + 1);
        if (end == npos)
            return {};
        const bool named = i > name.size() + 1 && element[i - 1] == '='
            && element.substr(i - 1 - name.size(), name.size()) == name
            && is_space(element[i - 2 - name.size()]);
        if (named)
            return element.substr(i + 1, end - i - 1);
        i = end + 1;
    }
    return {};
}

std::string_view text_of(std::string_view element, std::string_view name)
{
    std::size_t at = 0;
    while ((at = element.find('<', at)) != npos) {
        const auto end = tag_end(element, at);
        if (end == npos)
            return {};
        if (has_name(element.substr(at, end - at), name)) {
            if (element[end - 2] == '/')
                return {};
            const auto close = element.find('<', end);
            return close == npos ? std::string_view() : element.substr(end, close - end);
        }
        at = end;
    }
    return {};
}

}
