// UTF-8 and UTF-16, as ODBC's wide functions want it (Unicode §3.9, D91 and D92).
#pragma once

#include <string>
#include <string_view>

namespace nuncio::sql {

/// What is not UTF-8 becomes U+FFFD.
std::u16string to_utf16(std::string_view utf8);
/// A surrogate that stands alone becomes U+FFFD.
std::string to_utf8(std::u16string_view utf16);

}
