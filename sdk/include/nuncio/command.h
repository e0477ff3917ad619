// Commands: declared once; offered by nuncioctl and by every other front.
#pragma once

#include <nuncio/jid.h>
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
    std::vector<std::string> choices {}; ///< of a string: nothing else is taken; empty: any
};

/// How far a command reaches, and so which administrators may call it over the network; the unix
/// socket is the administrator's.
enum class Reach {
    server, ///< beyond one host's accounts: those of the whole server (`server.admins`)
    /// The accounts of the host that its arguments of the types jid and host name: the
    /// administrators of that host (`hosts."DOMAIN".admins`), too.
    host,
};

/// Where a command is offered.
enum class Fronts {
    all,
    /// To nuncioctl alone: it names files of the server, or shows lines for as long as it runs.
    console,
};

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
    Reach reach = Reach::server;
    Fronts fronts = Fronts::all;
    bool is_final = false; ///< cannot be taken back: fronts with forms ask once more
    std::vector<std::string> aliases {}; ///< other names that it answers to
};

/// All commands, for plugins that are fronts themselves. Implemented by the kernel, for each plugin
/// instance: see Context::commands(). Called on loops. Everything that is called is checked and
/// stands in the audit log, as from nuncioctl; what is of Fronts::console is refused.
class NUNCIO_API Commands {
public:
    /// How long a call is waited for. The answer is an Error of kind `unavailable` then, and the
    /// command goes on: one that reloads the plugin which called it waits for that plugin in turn.
    static constexpr Duration patience = 10s;
    virtual ~Commands();

    /// What `caller` may call, by name. Empty for everybody whom the configuration does not name an
    /// administrator. Arguments are as call() takes them.
    virtual task<std::vector<Command>> allowed(Jid caller) = 0;
    /// Calls a command in the name of an administrator, with a table of arguments. `refused` when
    /// the command reaches beyond the hosts of `caller`, or is about the account of an
    /// administrator who may more than `caller`.
    virtual task<Result<Value>> call_for(Jid caller, std::string name, Value arguments) = 0;
    /// Calls a command in the plugin's own name, which the audit log has in front of `detail`. The
    /// plugin answers for what it calls; but what is of Reach::host it can do on its own host only,
    /// and not to an account of an administrator of the server.
    virtual task<Result<Value>> call(std::string name, Value arguments, std::string detail) = 0;
};

}
