// Shell completion: scripts for the shells, and the words that they ask for.
#pragma once

#include <nuncio/value.h>

#include <functional>
#include <string>
#include <vector>

namespace nuncio::ctl {

/// The script of "bash", "zsh" or "fish"; empty for another shell.
std::string completion_script(const std::string& shell);

/// Calls a command of the server without arguments. Fails while no server answers.
using Ask = std::function<Result<Value>(const std::string& command)>;

/// What could stand in place of the last of `words`, one a line; ":path" where the shell's own
/// completion of paths is right. Asks the server for its commands and the names of its hosts and
/// plugins; without one, knows what every server has.
std::string completions(const Ask& ask, const std::vector<std::string>& words);

}
