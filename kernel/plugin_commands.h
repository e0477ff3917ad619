// What one instance may do with the commands of the server: the kernel's side of Commands.
#pragma once

#include <nuncio/command.h>

namespace nuncio::kernel {

class PluginInstance;

class PluginCommands final : public Commands {
public:
    explicit PluginCommands(PluginInstance& instance)
        : instance_(instance)
    {
    }

    // Commands
    task<std::vector<Command>> allowed(Jid caller) override;
    task<Result<Value>> call_for(Jid caller, std::string name, Value arguments) override;
    task<Result<Value>> call(std::string name, Value arguments, std::string detail) override;

private:
    PluginInstance& instance_;
};

}
