// XML 1.0 §4.1: character references and the five predefined entities.
#pragma once

#include "unicode.h"

#include <nuncio/xml.h>

namespace nuncio::inline v1::xml {

/// What stands at an ampersand.
struct Reference {
    enum class Verdict { ok, need_more, not_well_formed, restricted, limit };
    Verdict verdict;
    char32_t value = 0;
    std::size_t size = 0; ///< in bytes, from '&' to ';'
};

/// Leading zeros are legal without end; nobody needs more than this.
inline constexpr std::size_t longest_reference = 64;

/// Reads the reference at `at`, which points to '&'.
Reference read_reference(const char* at, const char* end);

/// Copies character data into the arena with references replaced, CDATA sections unwrapped and line
/// ends normalised (§2.11). `raw` was checked before.
std::string_view decode_text(Arena& arena, std::string_view raw);
/// The same for an attribute value: white space becomes blanks (§3.3.3).
std::string_view decode_value(Arena& arena, std::string_view raw);

}
