// From words to a command with its arguments, by the server's own description.
#pragma once

#include <nuncio/value.h>

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::ctl {

/// nuncioctl's own options, which stand before the command.
struct Invocation {
    std::string socket;
    bool as_json = false;
    bool wants_help = false;
    bool wants_version = false;
    std::vector<std::string> words; ///< the command and its arguments
};

Result<Invocation> read_invocation(const std::vector<std::string>& words);

/// The command that `words` begin with, by its name or an alias, as the server described it, or
/// null. `used` is how many
/// words its name has.
const Value* find_command(
    const Value& description, const std::vector<std::string>& words, std::size_t& used);

/// The commands whose names begin with this word and go on, as a description.
Value group_of(const Value& description, std::string_view word);

/// An error for words that name no command, with the nearest that do.
Error unknown_command(const Value& description, const std::vector<std::string>& words);

/// Whether it stands without its name, in its order: what is required does, and a file.
bool has_position(const Value& argument);

/// Words after the name: arguments with a place in their order, any argument as `--name value` or
/// `--name=value`. Missing ones are left to the server to name.
Result<Value> read_arguments(const Value& command, const std::vector<std::string>& words);

/// "register JID [PASSWORD]", for help and errors.
std::string usage_of(const Value& command);

/// The member as text; empty when there is none.
std::string_view text_of(const Value& table, std::string_view key);
bool flag_of(const Value& table, std::string_view key);

}
