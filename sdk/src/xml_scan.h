// Skipping the ordinary bytes of character data, sixteen at a time where the machine can.
#pragma once

#include <array>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace nuncio::inline v1::xml {

/// What a byte may be; a byte is in several classes.
enum Class : std::uint8_t {
    text_stop = 1, ///< markup, reference, control, or not ASCII: character data must look at it
    single_stop = 2, ///< the same for a value in single quotes
    double_stop = 4, ///< and in double quotes
    name_byte = 8, ///< an ASCII name character, the colon not among them
    space = 16,
    text_escape = 32, ///< must be written as a reference in character data
    value_escape = 64, ///< and in a value in single quotes
    crypt_escape = 128, ///< S61
};

inline constexpr auto classes = [] {
    std::array<std::uint8_t, 256> table {};
    for (unsigned c = 0; c < 256; ++c) {
        unsigned is = 0;
        if (c < 0x20 || c >= 0x80)
            is |= text_stop | single_stop | double_stop;
        if (c == '<' || c == '&' || c == '>')
            is |= text_stop | text_escape | value_escape | crypt_escape;
        if (c == '<' || c == '&')
            is |= single_stop | double_stop;
        if (c == '\'')
            is |= single_stop | value_escape | crypt_escape;
        if (c == '"')
            is |= double_stop | crypt_escape;
        if (c == '\r')
            is |= text_escape | value_escape;
        if (c == '\n' || c == '\t')
            is |= value_escape;
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            is |= space;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
            || c == '-' || c == '.')
            is |= name_byte;
        table[c] = static_cast<std::uint8_t>(is);
    }
    return table;
}();

inline bool is(char byte, Class wanted)
{
    return (classes[static_cast<unsigned char>(byte)] & wanted) != 0;
}

inline const char* skip_until(const char* at, const char* end, Class stop)
{
    while (at < end && !is(*at, stop))
        ++at;
    return at;
}

inline const char* skip_space(const char* at, const char* end)
{
    while (at < end && is(*at, space))
        ++at;
    return at;
}

/// The first byte that character data must look at.
inline const char* skip_text(const char* at, const char* end)
{
#ifdef __SSE2__
    const auto blank = _mm_set1_epi8(0x20);
    const auto two = _mm_set1_epi8(2);
    const auto angle = _mm_set1_epi8(0x3E); // '<' | 2 == '>' | 2
    const auto ampersand = _mm_set1_epi8('&');
    for (; end - at >= 16; at += 16) {
        const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        // As signed numbers, controls and everything beyond ASCII are below the blank.
        auto stops = _mm_cmplt_epi8(bytes, blank);
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(_mm_or_si128(bytes, two), angle));
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, ampersand));
        if (const auto mask = static_cast<unsigned>(_mm_movemask_epi8(stops)))
            return at + __builtin_ctz(mask);
    }
#endif
    return skip_until(at, end, text_stop);
}

/// The first byte that an attribute value in `quote` must look at.
inline const char* skip_value(const char* at, const char* end, char quote)
{
#ifdef __SSE2__
    const auto blank = _mm_set1_epi8(0x20);
    const auto delimiter = _mm_set1_epi8(quote);
    const auto less = _mm_set1_epi8('<');
    const auto ampersand = _mm_set1_epi8('&');
    for (; end - at >= 16; at += 16) {
        const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        auto stops = _mm_cmplt_epi8(bytes, blank);
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, delimiter));
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, less));
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, ampersand));
        if (const auto mask = static_cast<unsigned>(_mm_movemask_epi8(stops)))
            return at + __builtin_ctz(mask);
    }
#endif
    return skip_until(at, end, quote == '\'' ? single_stop : double_stop);
}

/// The first byte of class `escaped`, one of the three that say what must be a reference.
inline const char* skip_unescaped(const char* at, const char* end, Class escaped)
{
#ifdef __SSE2__
    const auto control = _mm_set1_epi8(0x1F);
    const auto two = _mm_set1_epi8(2);
    const auto angle = _mm_set1_epi8(0x3E);
    const auto one = _mm_set1_epi8(1);
    const auto apostrophe = _mm_set1_epi8('\''); // '&' | 1
    const auto quote = _mm_set1_epi8('"');
    while (end - at >= 16) {
        const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        auto stops = _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes);
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(_mm_or_si128(bytes, two), angle));
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(_mm_or_si128(bytes, one), apostrophe));
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, quote));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(stops));
        at += mask ? __builtin_ctz(mask) : 16;
        if (mask && is(*at, escaped))
            return at;
        at += mask ? 1 : 0;
    }
#endif
    return skip_until(at, end, escaped);
}

}
