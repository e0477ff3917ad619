// Commands of the kernel and of plugins by name; checks arguments; writes the audit log.
#pragma once

#include "command_rights.h"

#include <nuncio/command.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class Server;
class PluginInstance;

/// By its name or an alias.
bool answers_to(const Command& command, std::string_view name);

/// Main thread only. Handlers run on the main loop; they go elsewhere by themselves.
class CommandRegistry {
public:
    explicit CommandRegistry(Server& server);
    ~CommandRegistry();

    /// The kernel's own commands.
    void add(Command command, CommandHandler handler);
    /// Calls `name`, which may be an alias, with a table of arguments; finds the host by the `jid`
    /// or `host` argument when the command belongs to plugins. `done` runs on the main loop, and so
    /// does `progress`, which shows lines before the answer.
    void call(const std::string& name, Value arguments, const CommandCaller& caller,
        std::function<void(Result<Value>)> done,
        std::function<void(std::string_view)> progress = {});
    /// What is offered to `caller`, by name, with every argument that call() takes.
    std::vector<Command> offered_to(const CommandCaller& caller) const;
    /// Every command with its arguments, for help and completion.
    Value describe() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}
