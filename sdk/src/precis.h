// RFC 8264 and RFC 8265: PRECIS string classes and profiles, over libunistring.
#pragma once

#include <nuncio/result.h>

#include <string>
#include <string_view>

namespace nuncio::inline v1::precis {

/// RFC 8265 §3.3: user names, compared without regard to case.
Result<std::string> username_case_mapped(std::string_view text);
/// RFC 8265 §4.2: passwords and resources.
Result<std::string> opaque_string(std::string_view text);

}
