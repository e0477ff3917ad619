// Commands: declared once; offered by nuncioctl and by every other front.
#pragma once

#include <nuncio/result.h>
#include <nuncio/task.h>
#include <nuncio/value.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

class Host;

/// One argument, by position or as `--name value`.
struct CommandArgument {
    /// What fronts check and complete before the handler is called.
    enum class Type { string, integer, boolean, jid, host, plugin, file };
    std::string name; ///< "user"; an optional one is spelled `--user` on a command line
    Type type = Type::string;
    std::string doc {};
    bool required = true;
    bool secret = false; ///< never logged; asked for without echo when missing
    std::string default_text {};
};

/// Who may call a command over the network fronts; the unix socket is the administrator's.
enum class Permission { admin, user };

/// What a command is called with.
struct CommandCall {
    Value arguments; ///< a table, checked and completed with defaults
    std::string caller; ///< "ctl" or a bare JID, for the audit log
    Host* host
        = nullptr; ///< the host it is about: of the `jid` or `host` argument; null for the server
    /// Shows the caller a line before the answer; empty where a front cannot. May be called until
    /// the handler's task has ended, on the loop where that began; who has gone hears nothing.
    std::function<void(std::string_view)> progress {};

    /// An argument of a textual type; empty when it was not given. Lives as long as the call.
    std::string_view text(std::string_view name) const
    {
        const Value* found = arguments.find(name);
        return found ? std::string_view(found->as_string()) : std::string_view();
    }
};

/// The answer is a table or an array of tables; fronts print it as text or JSON. An error's text is
/// shown to the caller.
using CommandHandler = Function<task<Result<Value>>(const CommandCall&)>;

/// What a command is called, and what it takes.
struct Command {
    std::string name; ///< "connected-users"; two words for a group: "plugin load"
    std::string summary; ///< one line
    std::vector<CommandArgument> arguments {};
    Permission permission = Permission::admin;
};

}
