// UTF-8 (RFC 3629) and the character classes of XML 1.0, fifth edition.
#pragma once

#include <string>
#include <string_view>

namespace nuncio::inline v1::unicode {

/// One decoded character. `size` is its length in bytes, 0 when `end` cuts it off, -1 when the
/// bytes are no UTF-8 (overlong, surrogate, beyond U+10FFFF, stray).
struct Decoded {
    char32_t value;
    int size;
};

inline Decoded decode(const char* at, const char* end)
{
    const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
    const auto available = end - at;
    if (available <= 0)
        return { 0, 0 };
    const unsigned lead = byte(0);
    if (lead < 0x80)
        return { lead, 1 };
    if (lead < 0xC2 || lead > 0xF4)
        return { 0, -1 };
    const int size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t value = lead & (0x7Fu >> size);
    // RFC 3629 §4: the second byte's range excludes overlong forms, surrogates and > U+10FFFF.
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i < size; ++i) {
        if (i >= available)
            return { 0, 0 };
        if (i == 1 ? byte(1) < low || byte(1) > high : (byte(i) & 0xC0) != 0x80)
            return { 0, -1 };
        value = value << 6 | (byte(i) & 0x3F);
    }
    return { value, size };
}

/// Writes `value` at `to` and answers the place after it; `to` has room for four bytes.
inline char* encode(char32_t value, char* to)
{
    const auto tail
        = [value](int shift) { return static_cast<char>(0x80 | (value >> shift & 0x3F)); };
    if (value < 0x80) {
        *to++ = static_cast<char>(value);
        return to;
    }
    if (value < 0x800) {
        *to++ = static_cast<char>(0xC0 | value >> 6);
    } else {
        if (value < 0x10000) {
            *to++ = static_cast<char>(0xE0 | value >> 12);
        } else {
            *to++ = static_cast<char>(0xF0 | value >> 18);
            *to++ = tail(12);
        }
        *to++ = tail(6);
    }
    *to++ = tail(0);
    return to;
}

/// XML 1.0 [2] Char.
constexpr bool is_xml_char(char32_t c)
{
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    return c <= 0xD7FF || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

/// XML 1.0 [4] NameStartChar, without the colon, which belongs to Namespaces in XML.
constexpr bool is_name_start(char32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return (c >= 0xC0 && c <= 0x2FF && c != 0xD7 && c != 0xF7)
        || (c >= 0x370 && c <= 0x1FFF && c != 0x37E) || c == 0x200C || c == 0x200D
        || (c >= 0x2070 && c <= 0x218F) || (c >= 0x2C00 && c <= 0x2FEF)
        || (c >= 0x3001 && c <= 0xD7FF) || (c >= 0xF900 && c <= 0xFDCF)
        || (c >= 0xFDF0 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0xEFFFF);
}

/// XML 1.0 [4a] NameChar, without the colon.
constexpr bool is_name_char(char32_t c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 0xB7
        || (c >= 0x300 && c <= 0x36F) || c == 0x203F || c == 0x2040;
}

/// The length of the longest prefix that may stand in a document: UTF-8, every character a Char.
std::size_t xml_text_prefix(std::string_view text);
/// True for text that may stand in a document.
bool is_xml_text(std::string_view text);
/// The same text with every byte or character that may not stand in a document made U+FFFD.
std::string make_xml_text(std::string_view text);

}
