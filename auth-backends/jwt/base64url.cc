#include "base64url.h"

#include <nuncio/crypto.h>

#include <algorithm>

namespace nuncio::jwt {

std::optional<std::string> from_base64url(std::string_view text)
{
    if (text.find_first_of("+/=") != text.npos)
        return std::nullopt;
    std::string standard(text);
    std::ranges::replace(standard, '-', '+');
    std::ranges::replace(standard, '_', '/');
    standard.append((4 - standard.size() % 4) % 4, '=');
    return from_base64(standard);
}

}
