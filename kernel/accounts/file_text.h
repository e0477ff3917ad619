// White space and separators, as files of accounts have them.
#pragma once

#include <string_view>
#include <vector>

namespace nuncio::kernel::accounts {

bool is_space(char c);
/// Without the white space around it.
std::string_view trimmed(std::string_view text);
/// What stands between separators; one piece more than there are of them.
std::vector<std::string_view> split(std::string_view text, char separator);

}
