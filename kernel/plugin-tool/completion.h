// Completion for shells.
#pragma once

#include <string>

namespace nuncio::tool {

/// The script for `bash`, `zsh` or `fish`.
std::string completion_script(const std::string& shell);

}
