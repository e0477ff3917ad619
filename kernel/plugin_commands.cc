#include "plugin_commands.h"

#include "command_registry.h"
#include "plugin_instance.h"
#include "server.h"
#include "virtual_host.h"

#include <nuncio/jid.h>

#include <memory>

namespace nuncio::kernel {

namespace {

    using Answer = Completion<Result<Value>>;

    /// A call under way: its answer or the end of patience, whichever is first. The main thread's.
    class Waiting {
    public:
        Waiting(Answer answer, std::string name)
            : answer_(std::move(answer))
            , name_(std::move(name))
        {
        }
        void wait(Timer patience) { patience_ = std::move(patience); }
        void give(Result<Value> result)
        {
            patience_.cancel();
            if (!std::exchange(is_given_, true))
                answer_.resolve(std::move(result));
        }
        void give_up()
        {
            give(Error { "\"" + name_ + "\" goes on; the audit log will tell what came of it",
                Error::Kind::unavailable });
        }

    private:
        Answer answer_;
        std::string name_;
        Timer patience_;
        bool is_given_ = false;
    };

    void start(Server& server, const std::string& name, Value arguments,
        const CommandCaller& caller, const Answer& answer)
    {
        // Shared: with the command, which may be under way longer. The timer must not keep it.
        const auto waiting = std::make_shared<Waiting>(answer, name);
        waiting->wait(
            server.main_loop().after(Commands::patience, [late = std::weak_ptr<Waiting>(waiting)] {
                if (const auto still = late.lock())
                    still->give_up();
            }));
        server.commands().call(name, std::move(arguments), caller,
            [waiting](Result<Value> result) { waiting->give(std::move(result)); });
    }

    /// Whoever waits may be unloaded by the very command: nothing that is under way is the
    /// plugin's.
    template <class CallerFor>
    void post_call(Server& server, std::string name, Value arguments, CallerFor caller_for,
        const Answer& answer)
    {
        const AsKernel guard;
        server.main_loop().post([&server, name = std::move(name), arguments = std::move(arguments),
                                    caller_for = std::move(caller_for), answer]() mutable {
            start(server, name, std::move(arguments), caller_for(), answer);
        });
    }

}

task<std::vector<Command>> PluginCommands::allowed(Jid caller)
{
    Server& server = instance_.host().server();
    const Completion<std::vector<Command>> answer;
    auto ask = [&server, caller = std::move(caller), answer] {
        answer.resolve(
            server.commands().offered_to(CommandCaller::user(server.settings(), caller)));
    };
    server.main_loop().post(std::move(ask));
    co_return co_await answer;
}

task<Result<Value>> PluginCommands::call_for(Jid caller, std::string name, Value arguments)
{
    Server& server = instance_.host().server();
    const Answer answer;
    auto caller_for = [&server, caller = std::move(caller)] {
        return CommandCaller::user(server.settings(), caller);
    };
    post_call(server, std::move(name), std::move(arguments), std::move(caller_for), answer);
    co_return co_await answer;
}

task<Result<Value>> PluginCommands::call(std::string name, Value arguments, std::string detail)
{
    Server& server = instance_.host().server();
    const Answer answer;
    auto caller_for = [caller = CommandCaller::plugin(instance_.name() + ' ' + detail,
                           std::string(instance_.host().domain()))] { return caller; };
    post_call(server, std::move(name), std::move(arguments), std::move(caller_for), answer);
    co_return co_await answer;
}

}
