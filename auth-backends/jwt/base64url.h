// RFC 4648 §5, as RFC 7515 §2 has it: without padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::jwt {

/// Strict, as from_base64() is: one text for each string of bytes, so that no two tokens are the
/// same one. No value for anything else.
std::optional<std::string> from_base64url(std::string_view text);

}
