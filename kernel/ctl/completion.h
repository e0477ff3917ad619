// Shell completion: scripts for the shells, and the words that they ask for.
#pragma once

#include "client.h"

#include <string>
#include <vector>

namespace nuncio::ctl {

/// The script of "bash", "zsh" or "fish"; empty for another shell.
std::string completion_script(const std::string& shell);

/// What could stand in place of the last of `words`, one a line. Asks the server for names of
/// hosts and plugins.
std::string completions(Client& client, const std::vector<std::string>& words);

}
