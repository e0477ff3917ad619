// What may stand in XML at all.
#pragma once

#include <string_view>

namespace nuncio::lua {

/// UTF-8 (RFC 3629) of characters that XML 1.0 §2.2 allows.
bool is_sendable(std::string_view text);

}
