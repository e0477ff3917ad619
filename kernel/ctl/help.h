// Help from the server's own description, and what can be said without a server.
#pragma once

#include <nuncio/value.h>

#include <span>
#include <string>
#include <string_view>

namespace nuncio::ctl {

/// How nuncioctl is called, and the exit codes.
std::string general_help();
/// One line for each command.
std::string command_list(const Value& description);
/// For a server that does not answer: what each has.
std::span<const std::string_view> static_commands();
std::string static_command_list();
/// One command with all its arguments.
std::string command_help(const Value& command);

}
