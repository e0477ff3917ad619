// XML 1.0 [23] XMLDecl, read strictly.
#pragma once

#include <nuncio/xml.h>

namespace nuncio::inline v1::xml {

struct Declaration {
    enum class Verdict { ok, need_more, failed };
    Verdict verdict;
    std::size_t size = 0; ///< in bytes, `<?xml` to `?>`
    XmlError::Kind kind = XmlError::Kind::not_well_formed;
    const char* text = "";
};

/// No legal declaration worth sending is longer.
inline constexpr std::size_t longest_declaration = 256;

/// Reads the declaration at the start of `bytes`, which begin with `<?`. Version 1.0 and UTF-8 only
/// (RFC 6120 §11.4, §11.6).
Declaration read_declaration(std::string_view bytes);

}
