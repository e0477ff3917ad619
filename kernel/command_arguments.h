// Checking what a command is called with against what it declares.
#pragma once

#include <nuncio/command.h>

#include <string>

namespace nuncio::kernel {

/// Answers `given` in the declared order, completed with defaults and with addresses and domains
/// prepared, or the first mistake. A command line sends every value as text, so numbers and
/// booleans are read from text too.
Result<Value> check_arguments(const Command& command, const Value& given);

/// The arguments without the secret ones, as JSON for the audit log.
std::string loggable_arguments(const Command& command, const Value& arguments);

/// "integer", "jid": what describe() calls a type.
std::string_view to_string(CommandArgument::Type type);

}
