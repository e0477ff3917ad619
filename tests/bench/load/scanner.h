// Finds where stanzas begin and end in what a server sends. It trusts the server to be well-formed:
// the server under test has its own tests for that, and this has to be far cheaper than the server.
#pragma once

#include <cstddef>
#include <string_view>

namespace nuncio::bench {

enum class ItemKind { incomplete, stream_open, stream_close, element, malformed };

struct Item {
    ItemKind kind = ItemKind::incomplete;
    std::string_view text; // The whole element, or the stream's start tag.
    std::size_t consumed = 0; // Bytes up to its end, white space and XML declaration included.
};

// The first item in `input`, which starts between two stanzas.
Item scan(std::string_view input);

// The value of an attribute of the element's start tag as it stands there, or empty. References are
// not resolved.
std::string_view attribute(std::string_view element, std::string_view name);

// The text right after the first start tag of that name, the element's own included; or empty.
std::string_view text_of(std::string_view element, std::string_view name);

inline bool has_name(std::string_view element, std::string_view name)
{
    if (element.size() < name.size() + 2 || element.substr(1, name.size()) != name)
        return false;
    const char next = element[name.size() + 1];
    return next == ' ' || next == '>' || next == '/' || next == '\n';
}

inline bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

}
