#include "utf16.h"

#include <cstddef>

namespace nuncio::sql {

namespace {

    constexpr char32_t replacement = 0xFFFD;

    bool is_continuation(char byte)
    {
        return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
    }

    /// Takes one code point off the front.
    char32_t take_point(std::string_view& text)
    {
        const auto lead = static_cast<unsigned char>(text.front());
        std::size_t size = 0;
        char32_t point = 0;
        if (lead < 0x80) {
            size = 1, point = lead;
        } else if (lead >= 0xC2 && lead < 0xE0) {
            size = 2, point = lead & 0x1F;
        } else if (lead >= 0xE0 && lead < 0xF0) {
            size = 3, point = lead & 0x0F;
        } else if (lead >= 0xF0 && lead < 0xF5) {
            size = 4, point = lead & 0x07;
        }
        for (std::size_t i = 1; i < size; ++i) {
            if (i >= text.size() || !is_continuation(text[i])) {
                size = 0;
                break;
            }
            point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
        }
        constexpr char32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (size == 0 || point < least[size] || is_surrogate || point > 0x10FFFF) {
            text.remove_prefix(1);
            return replacement;
        }
        text.remove_prefix(size);
        return point;
    }

    void append_utf8(std::string& text, char32_t point)
    {
        const auto add = [&text](char32_t byte) { text += static_cast<char>(byte); };
        if (point < 0x80) {
            add(point);
        } else if (point < 0x800) {
            add(0xC0 | (point >> 6));
            add(0x80 | (point & 0x3F));
        } else if (point < 0x10000) {
            add(0xE0 | (point >> 12));
            add(0x80 | ((point >> 6) & 0x3F));
            add(0x80 | (point & 0x3F));
        } else {
            add(0xF0 | (point >> 18));
            add(0x80 | ((point >> 12) & 0x3F));
            add(0x80 | ((point >> 6) & 0x3F));
            add(0x80 | (point & 0x3F));
        }
    }

}

std::u16string to_utf16(std::string_view utf8)
{
    std::u16string units;
    units.reserve(utf8.size());
    while (!utf8.empty()) {
        const char32_t point = take_point(utf8);
        if (point < 0x10000) {
            units += static_cast<char16_t>(point);
        } else {
            units += static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10));
            units += static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF));
        }
    }
    return units;
}

std::string to_utf8(std::u16string_view utf16)
{
    std::string text;
    for (std::size_t i = 0; i < utf16.size(); ++i) {
        const char32_t unit = utf16[i];
        const bool is_high = unit >= 0xD800 && unit < 0xDC00;
        const bool is_low = unit >= 0xDC00 && unit < 0xE000;
        const bool has_low
            = i + 1 < utf16.size() && utf16[i + 1] >= 0xDC00 && utf16[i + 1] < 0xE000;
        if (is_high && has_low) {
            append_utf8(text, 0x10000 + ((unit - 0xD800) << 10) + (utf16[i + 1] - 0xDC00));
            ++i;
        } else {
            append_utf8(text, is_high || is_low ? replacement : unit);
        }
    }
    return text;
}

}
