// PRECIS: the derived property of every code point (RFC 8264 §8), context rules (RFC 5892
// appendix A), the Bidi rule (RFC 5893 §2), and the two profiles that XMPP uses.
#include "precis.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

namespace nuncio::inline v1::precis {

namespace {

    using Points = std::u32string;

    const std::uint32_t* data(const Points& text)
    {
        static_assert(sizeof(char32_t) == sizeof(std::uint32_t));
        return reinterpret_cast<const std::uint32_t*>(text.data());
    }

    /// A string that libunistring allocated.
    template <class T>
    struct Allocated {
        T* bytes;
        std::size_t size = 0;
        ~Allocated() { std::free(bytes); }
    };

    std::optional<Points> to_points(std::string_view text)
    {
        Allocated<std::uint32_t> points { nullptr };
        points.bytes = u8_to_u32(
            reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), nullptr, &points.size);
        if (!points.bytes)
            return std::nullopt;
        return Points(points.bytes, points.bytes + points.size);
    }

    std::string to_utf8(const Points& text)
    {
        Allocated<std::uint8_t> bytes { nullptr };
        bytes.bytes = u32_to_u8(data(text), text.size(), nullptr, &bytes.size);
        return bytes.bytes ? std::string(bytes.bytes, bytes.bytes + bytes.size) : std::string();
    }

    Points normalized(uninorm_t form, const Points& text)
    {
        Allocated<std::uint32_t> points { nullptr };
        points.bytes = u32_normalize(form, data(text), text.size(), nullptr, &points.size);
        return points.bytes ? Points(points.bytes, points.bytes + points.size) : text;
    }

    // ---- RFC 8264 §8: the derived property ----

    enum class Property { valid, contextual, disallowed, free_only };

    bool in(char32_t c, char32_t first, char32_t last)
    {
        return c >= first && c <= last;
    }

    std::optional<Property> exception(char32_t c)
    {
        switch (c) {
        case 0x00DF:
        case 0x03C2:
        case 0x06FD:
        case 0x06FE:
        case 0x0F0B:
        case 0x3007:
            return Property::valid;
        case 0x00B7:
        case 0x0375:
        case 0x05F3:
        case 0x05F4:
        case 0x30FB:
            return Property::contextual;
        case 0x0640:
        case 0x07FA:
        case 0x302E:
        case 0x302F:
        case 0x303B:
            return Property::disallowed;
        default:
            break;
        }
        if (in(c, 0x0660, 0x0669) || in(c, 0x06F0, 0x06F9))
            return Property::contextual;
        if (in(c, 0x3031, 0x3035))
            return Property::disallowed;
        return std::nullopt;
    }

    bool is_old_hangul_jamo(char32_t c)
    {
        return in(c, 0x1100, 0x11FF) || in(c, 0xA960, 0xA97C) || in(c, 0xD7B0, 0xD7C6)
            || in(c, 0xD7CB, 0xD7FB);
    }

    bool has_compatibility_form(char32_t c)
    {
        const Points one(1, c);
        return normalized(UNINORM_NFKC, one) != one;
    }

    Property property(char32_t c)
    {
        if (const auto known = exception(c))
            return *known;
        const auto category = uc_general_category(c);
        const auto is = [&](uc_general_category_t wanted) {
            return uc_is_general_category_withtable(c, wanted.bitmask);
        };
        if (is(UC_UNASSIGNED) || uc_is_property_not_a_character(c))
            return Property::disallowed;
        if (in(c, 0x21, 0x7E))
            return Property::valid;
        if (uc_is_property_join_control(c))
            return Property::contextual;
        if (is_old_hangul_jamo(c) || uc_is_property_default_ignorable_code_point(c)
            || is(UC_CONTROL))
            return Property::disallowed;
        if (has_compatibility_form(c))
            return Property::free_only;
        constexpr std::uint32_t letters_and_digits = UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu
            | UC_CATEGORY_MASK_Lo | UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn
            | UC_CATEGORY_MASK_Mc;
        if (category.bitmask & letters_and_digits)
            return Property::valid;
        constexpr std::uint32_t others = UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl
            | UC_CATEGORY_MASK_No | UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S
            | UC_CATEGORY_MASK_P;
        return category.bitmask & others ? Property::free_only : Property::disallowed;
    }

    // ---- RFC 5892 appendix A: context rules ----

    bool is_virama(char32_t c)
    {
        return uc_combining_class(c) == UC_CCC_VR;
    }

    /// A.1: (L|D) T* ZWNJ T* (R|D)
    bool joins_around(const Points& text, std::size_t at)
    {
        const auto joining = [&text](std::size_t i) { return uc_joining_type(text[i]); };
        auto before = at;
        while (before > 0 && joining(before - 1) == UC_JOINING_TYPE_T)
            --before;
        auto after = at + 1;
        while (after < text.size() && joining(after) == UC_JOINING_TYPE_T)
            ++after;
        if (before == 0 || after == text.size())
            return false;
        const auto left = joining(before - 1);
        const auto right = joining(after);
        return (left == UC_JOINING_TYPE_L || left == UC_JOINING_TYPE_D)
            && (right == UC_JOINING_TYPE_R || right == UC_JOINING_TYPE_D);
    }

    bool is_script(char32_t c, const char* name)
    {
        return uc_is_script(c, uc_script_byname(name));
    }

    bool fits_context(const Points& text, std::size_t at)
    {
        const auto has_next = at + 1 < text.size();
        const auto any_of
            = [&text](auto test) { return std::any_of(text.begin(), text.end(), test); };
        const auto c = text[at];
        switch (c) {
        case 0x200C:
            return (at > 0 && is_virama(text[at - 1])) || joins_around(text, at);
        case 0x200D:
            return at > 0 && is_virama(text[at - 1]);
        case 0x00B7:
            return at > 0 && text[at - 1] == 'l' && has_next && text[at + 1] == 'l';
        case 0x0375:
            return has_next && is_script(text[at + 1], "Greek");
        case 0x05F3:
        case 0x05F4:
            return at > 0 && is_script(text[at - 1], "Hebrew");
        case 0x30FB:
            return any_of([](char32_t other) {
                return is_script(other, "Hiragana") || is_script(other, "Katakana")
                    || is_script(other, "Han");
            });
        default:
            break;
        }
        if (in(c, 0x0660, 0x0669))
            return !any_of([](char32_t other) { return in(other, 0x06F0, 0x06F9); });
        return !any_of([](char32_t other) { return in(other, 0x0660, 0x0669); });
    }

    // ---- RFC 5893 §2: the Bidi rule ----

    bool fits_bidi(const Points& text)
    {
        const auto bidi = [](char32_t c) { return uc_bidi_class(c); };
        const auto one_of = [](int value, std::initializer_list<int> wanted) {
            return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
        };
        const bool right_to_left = std::any_of(text.begin(), text.end(), [&](char32_t c) {
            return one_of(bidi(c), { UC_BIDI_R, UC_BIDI_AL, UC_BIDI_AN });
        });
        if (!right_to_left)
            return true;
        const auto first = bidi(text.front());
        const auto last = std::find_if(
            text.rbegin(), text.rend(), [&](char32_t c) { return bidi(c) != UC_BIDI_NSM; });
        bool has_en = false;
        bool has_an = false;
        const bool rtl = one_of(first, { UC_BIDI_R, UC_BIDI_AL });
        for (const char32_t c : text) {
            const auto is = bidi(c);
            has_en = has_en || is == UC_BIDI_EN;
            has_an = has_an || is == UC_BIDI_AN;
            if (one_of(is,
                    { UC_BIDI_EN, UC_BIDI_ES, UC_BIDI_CS, UC_BIDI_ET, UC_BIDI_ON, UC_BIDI_BN,
                        UC_BIDI_NSM }))
                continue;
            if (rtl ? !one_of(is, { UC_BIDI_R, UC_BIDI_AL, UC_BIDI_AN }) : is != UC_BIDI_L)
                return false;
        }
        if (last == text.rend())
            return false;
        if (rtl)
            return one_of(bidi(*last), { UC_BIDI_R, UC_BIDI_AL, UC_BIDI_EN, UC_BIDI_AN })
                && !(has_en && has_an);
        return first == UC_BIDI_L && one_of(bidi(*last), { UC_BIDI_L, UC_BIDI_EN });
    }

    // ---- The profiles ----

    Points map_width(const Points& text)
    {
        Points mapped;
        ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
        for (const char32_t c : text) {
            int tag = 0;
            const int count = uc_decomposition(c, &tag, parts);
            if (count > 0 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
                mapped.append(parts, parts + count);
            else
                mapped.push_back(c);
        }
        return mapped;
    }

    Points to_lower(const Points& text)
    {
        Allocated<std::uint32_t> points { nullptr };
        points.bytes
            = u32_tolower(data(text), text.size(), nullptr, nullptr, nullptr, &points.size);
        return points.bytes ? Points(points.bytes, points.bytes + points.size) : text;
    }

    Points map_username(const Points& text)
    {
        return normalized(UNINORM_NFC, to_lower(map_width(text)));
    }

    Points map_opaque(Points text)
    {
        std::replace_if(
            text.begin(), text.end(),
            [](char32_t c) { return c != ' ' && uc_is_general_category(c, UC_SPACE_SEPARATOR); },
            U' ');
        return normalized(UNINORM_NFC, text);
    }

    enum class StringClass { identifier, freeform };

    Result<void> check(const Points& text, StringClass wanted)
    {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto is = property(text[i]);
            if (is == Property::disallowed
                || (is == Property::free_only && wanted == StringClass::identifier))
                return Error { "a character that is not allowed here" };
            if (is == Property::contextual && !fits_context(text, i))
                return Error { "a character that is not allowed beside its neighbours" };
        }
        return {};
    }

    Result<std::string> enforce(
        std::string_view text, const std::function<Points(const Points&)>& map, StringClass wanted)
    {
        auto points = to_points(text);
        if (!points)
            return Error { "not UTF-8" };
        // RFC 8264 §7: applied until nothing changes, at most three times more.
        Points mapped = map(*points);
        for (int again = 0; again < 3 && mapped != *points; ++again) {
            *points = mapped;
            mapped = map(*points);
        }
        if (mapped != *points)
            return Error { "its prepared form is not stable" };
        if (mapped.empty())
            return Error { "empty" };
        if (wanted == StringClass::identifier && !fits_bidi(mapped))
            return Error { "left-to-right and right-to-left characters mixed" };
        if (auto checked = check(mapped, wanted); !checked)
            return checked.error();
        return to_utf8(mapped);
    }

}

Result<std::string> username_case_mapped(std::string_view text)
{
    return enforce(text, map_username, StringClass::identifier);
}

Result<std::string> opaque_string(std::string_view text)
{
    return enforce(text, map_opaque, StringClass::freeform);
}

}
