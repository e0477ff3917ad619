#include "sendable.h"

#include <cstddef>
#include <cstdint>

namespace nuncio::lua {

bool is_sendable(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i++]);
        if (first < 0x80) {
            if (first < 32 && first != '\t' && first != '\n' && first != '\r')
                return false;
            continue;
        }
        const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || text.size() - i < std::size_t(more))
            return false;
        std::uint32_t code = first & (0x3f >> more);
        for (int n = 0; n < more; ++n) {
            const auto next = static_cast<unsigned char>(text[i++]);
            if ((next & 0xc0) != 0x80)
                return false;
            code = code << 6 | (next & 0x3f);
        }
        constexpr std::uint32_t least[] = { 0x80, 0x800, 0x10000 };
        const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
        if (code < least[more - 1] || code > 0x10ffff || is_surrogate || code == 0xfffe
            || code == 0xffff)
            return false;
    }
    return true;
}

}
