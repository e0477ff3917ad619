// Words in a row, for a human.
#pragma once

#include <string>
#include <vector>

namespace nuncio::kernel {

/// `a, b, c`
inline std::string listed(const std::vector<std::string>& words)
{
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

}
