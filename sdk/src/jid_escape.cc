// XEP-0106: JID Escaping.
#include <nuncio/jid.h>

#include <algorithm>
#include <array>

namespace nuncio::inline v1 {

namespace {

    struct Escape {
        char character;
        std::string_view code; // after the backslash
    };
    constexpr std::array<Escape, 10> escapes { {
        { ' ', "20" },
        { '"', "22" },
        { '&', "26" },
        { '\'', "27" },
        { '/', "2f" },
        { ':', "3a" },
        { '<', "3c" },
        { '>', "3e" },
        { '@', "40" },
        { '\\', "5c" },
    } };

    const Escape* find_code(std::string_view code)
    {
        const auto found = std::ranges::find(escapes, code, &Escape::code);
        return found == escapes.end() ? nullptr : &*found;
    }

}

std::string escape_local(std::string_view text)
{
    // §4.2: an escaped blank must be neither first nor last.
    const auto first = std::min(text.find_first_not_of(' '), text.size());
    text = text.substr(first, text.find_last_not_of(' ') + 1 - first);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto found = std::ranges::find(escapes, text[i], &Escape::character);
        // A backslash is escaped only where it would read as an escape.
        const bool plain
            = found == escapes.end() || (text[i] == '\\' && !find_code(text.substr(i + 1, 2)));
        if (plain)
            out += text[i];
        else
            out.append("\\").append(found->code);
    }
    return out;
}

std::string unescape_local(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto* found = text[i] == '\\' ? find_code(text.substr(i + 1, 2)) : nullptr;
        out += found ? found->character : text[i];
        i += found ? 2 : 0;
    }
    return out;
}

}
