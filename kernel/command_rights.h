// Who may call which command, about whom.
#pragma once

#include <nuncio/command.h>

#include <optional>
#include <string>
#include <vector>

namespace nuncio::kernel {

struct Settings;

/// In whose name a command is called, and what that one may.
struct CommandCaller {
    std::string name; ///< for the audit log
    bool is_at_console = false; ///< may everything
    bool may_reach_server = false; ///< call what is of Reach::server
    /// The hosts whose accounts it may command; none: all hosts.
    std::optional<std::vector<std::string>> hosts { std::vector<std::string>() };

    static CommandCaller console(std::string name);
    /// As the configuration names it (`server.admins`, `admins` of the hosts): may nothing unless
    /// it does.
    static CommandCaller user(const Settings& settings, JidView jid);
    /// A plugin in its own name.
    static CommandCaller plugin(std::string name, std::string host);
};

/// Whether it is offered to the caller at all.
bool is_offered(const Command& command, const CommandCaller& caller);

/// Whether the caller may command those whom the arguments name; `refused` says who stands in the
/// way. `arguments` have been checked.
Result<void> check_rights(const Command& command, const Value& arguments,
    const CommandCaller& caller, const Settings& settings);

}
