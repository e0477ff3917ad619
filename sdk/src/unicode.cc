// UTF-8 and XML characters: whole strings.
#include "unicode.h"

namespace nuncio::inline v1::unicode {

std::size_t xml_text_prefix(std::string_view text)
{
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        if (static_cast<signed char>(*at) >= ' ') { // as a signed byte: ASCII and no control
            ++at;
            continue;
        }
        const auto [value, size] = decode(at, end);
        if (size <= 0 || !is_xml_char(value))
            break;
        at += size;
    }
    return static_cast<std::size_t>(at - text.data());
}

bool is_xml_text(std::string_view text)
{
    return xml_text_prefix(text) == text.size();
}

std::string make_xml_text(std::string_view text)
{
    std::string made;
    for (;;) {
        const auto valid = xml_text_prefix(text);
        made.append(text.substr(0, valid));
        if (valid == text.size())
            return made;
        made.append("\xEF\xBF\xBD");
        const auto bad = decode(text.data() + valid, text.data() + text.size());
        text.remove_prefix(valid + static_cast<std::size_t>(bad.size > 0 ? bad.size : 1));
    }
}

}
