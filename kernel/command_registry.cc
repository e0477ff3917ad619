// Commands of the kernel and of plugins by name; checks arguments; writes the audit log.
#include "command_registry.h"

#include "command_arguments.h"
#include "host_ref.h"
#include "log_sink.h"
#include "plugin_instance.h"
#include "root_frame.h"
#include "server.h"
#include "virtual_host.h"

#include <nuncio/schema.h>

#include <algorithm>
#include <list>

namespace nuncio::kernel {

namespace {

    /// Every command of a plugin may be told its host, whether it declares that or not.
    Command with_host(Command command)
    {
        const auto names_host = [](const CommandArgument& argument) {
            return argument.type == CommandArgument::Type::host
                || argument.type == CommandArgument::Type::jid;
        };
        if (std::ranges::none_of(command.arguments, names_host))
            command.arguments.push_back({ .name = "host",
                .type = CommandArgument::Type::host,
                .doc = "which host; to be said where several have the plugin",
                .required = false });
        return command;
    }

    /// A command under way. Members are destroyed from the last to the first: the frame, which may
    /// hold objects of the plugin, goes before the lease that keeps the plugin mapped, and the
    /// reference that keeps the host.
    struct Running {
        Command command; // a copy: a kernel command outlives it anyway, a plugin's might not
        CommandCall call;
        std::string logged_arguments;
        std::function<void(Result<Value>)> done;
        Lease lease;
        HostRef host;
        RootFrame root;
    };

}

bool answers_to(const Command& command, std::string_view name)
{
    return command.name == name
        || std::ranges::find(command.aliases, name) != command.aliases.end();
}

struct CommandRegistry::State {
    struct Own {
        Command command;
        CommandHandler handler;
    };
    /// A command of a plugin on one host.
    struct Offered {
        VirtualHost* host = nullptr;
        PluginInstance* instance = nullptr;
        Registrations::CommandEntry* entry = nullptr;
    };

    explicit State(Server& made_for)
        : server(made_for)
        , audit(server.logs().log("audit"))
    {
    }

    const Own* find_own(std::string_view name) const
    {
        for (const auto& own : commands)
            if (answers_to(own->command, name))
                return own.get();
        return nullptr;
    }

    std::vector<Offered> offered() const
    {
        std::vector<Offered> all;
        for (const auto& host : server.hosts())
            for (const auto& instance : host->published()->instances)
                for (auto& entry : instance->registrations().commands)
                    all.push_back({ host.get(), instance.get(), &entry });
        return all;
    }

    static Error several_hosts(const std::string& name, const std::vector<Offered>& offers)
    {
        std::string text = '"' + name + "\" is about one host: say which with --host:";
        for (const Offered& offer : offers)
            text += (&offer == &offers.front() ? " " : ", ") + std::string(offer.host->domain());
        return Error { text, Error::Kind::invalid };
    }

    Error unknown_command(std::string_view name) const
    {
        std::vector<std::string_view> known;
        for (const auto& own : commands)
            known.push_back(own->command.name);
        for (const Offered& offer : offered())
            known.push_back(offer.entry->command.name);
        std::string text = "there is no command \"" + std::string(name) + '"';
        if (const auto near = nearest(name, known); !near.empty())
            text += "; did you mean \"" + std::string(near) + "\"?";
        return Error { text, Error::Kind::not_found };
    }

    /// The host that the `jid` or `host` argument names, or null.
    VirtualHost* host_of(const Command& command, const Value& arguments) const
    {
        for (const CommandArgument& argument : command.arguments) {
            const Value* value = arguments.find(argument.name);
            if (!value)
                continue;
            if (argument.type == CommandArgument::Type::host)
                return server.find_host(value->as_string());
            if (argument.type != CommandArgument::Type::jid)
                continue;
            if (const auto jid = Jid::parse(value->as_string()))
                return server.find_host(jid->domain());
        }
        return nullptr;
    }

    void refuse(const std::string& name, const CommandCaller& caller, Error error,
        const std::function<void(Result<Value>)>& done)
    {
        audit->info("{} called {}: refused: {}", caller.name, name, error.text);
        done(std::move(error));
    }

    /// The arguments as the handler takes them, or what the caller may not.
    Result<Value> admit(
        const Command& command, const Value& arguments, const CommandCaller& caller) const
    {
        // Before the arguments: who may not call it learns nothing of it.
        if (!is_offered(command, caller))
            return check_rights(command, {}, caller, server.settings()).error();
        auto checked = check_arguments(command, arguments);
        if (!checked)
            return checked;
        if (auto may = check_rights(command, *checked, caller, server.settings()); !may)
            return may.error();
        return checked;
    }

    void start(const Command& command, const CommandHandler& handler, const Offered& offer,
        CommandCall call, std::function<void(Result<Value>)> done)
    {
        Running& run = running.emplace_back();
        run.command = command;
        run.logged_arguments = loggable_arguments(command, call.arguments);
        run.host = HostRef(static_cast<VirtualHost*>(call.host));
        run.call = std::move(call);
        run.done = std::move(done);
        if (offer.instance)
            run.lease = Lease(*offer.instance);
        run.root = follow(*this, run, handler);
        if (!offer.instance)
            return run.root.start();
        const InPlugin inside(*offer.instance, offer.entry->meter);
        run.root.start();
    }

    static RootFrame follow(State& state, Running& run, const CommandHandler& handler)
    {
        Result<Value> result = Error { "the command failed", Error::Kind::internal };
        try {
            result = co_await handler(run.call);
        } catch (const std::exception& failure) {
            state.audit->error("{} threw: {}", run.command.name, failure.what());
        } catch (...) {
            state.audit->error("{} threw", run.command.name);
        }
        state.end(run, std::move(result));
    }

    void end(Running& run, Result<Value> result)
    {
        // Every nuncioctl begins by asking for help; that is no news.
        const auto level = run.command.name == "help" ? Log::Level::debug : Log::Level::info;
        if (audit->is_enabled(level))
            audit->write(level,
                nuncio::format("{} called {} {}: {}", run.call.caller, run.command.name,
                    run.logged_arguments, result ? "done" : "failed: " + result.error().text));
        auto done = std::move(run.done);
        // Not here: this is called from inside the frame that is to be destroyed.
        server.main_loop().post([state = alive, &run] {
            if (const auto still = state.lock())
                (*still)->running.remove_if([&](const Running& other) { return &other == &run; });
        });
        done(std::move(result));
    }

    Server& server;
    std::unique_ptr<Log> audit;
    std::vector<std::unique_ptr<Own>> commands; // addresses must stay: frames refer to handlers
    std::list<Running> running;
    std::shared_ptr<State*> alive_owner = std::make_shared<State*>(this);
    std::weak_ptr<State*> alive = alive_owner; // for jobs that may come after this object
};

CommandRegistry::CommandRegistry(Server& server)
    : state_(std::make_unique<State>(server))
{
}

CommandRegistry::~CommandRegistry() = default;

void CommandRegistry::add(Command command, CommandHandler handler)
{
    state_->commands.push_back(
        std::make_unique<State::Own>(State::Own { std::move(command), std::move(handler) }));
}

void CommandRegistry::call(const std::string& name, Value arguments, const CommandCaller& caller,
    std::function<void(Result<Value>)> done, std::function<void(std::string_view)> progress)
{
    State& state = *state_;
    if (const State::Own* own = state.find_own(name)) {
        auto checked = state.admit(own->command, arguments, caller);
        if (!checked)
            return state.refuse(name, caller, checked.error(), done);
        CommandCall call { std::move(*checked), caller.name, nullptr, std::move(progress) };
        call.host = state.host_of(own->command, call.arguments);
        return state.start(own->command, own->handler, {}, std::move(call), std::move(done));
    }

    auto offers = state.offered();
    std::erase_if(
        offers, [&](const auto& offer) { return !answers_to(offer.entry->command, name); });
    if (offers.empty())
        return state.refuse(name, caller, state.unknown_command(name), done);

    const Command command = with_host(offers.front().entry->command);
    auto checked = state.admit(command, arguments, caller);
    if (!checked)
        return state.refuse(name, caller, checked.error(), done);
    CommandCall call { std::move(*checked), caller.name, nullptr, std::move(progress) };
    VirtualHost* host = state.host_of(command, call.arguments);
    if (!host && offers.size() > 1)
        return state.refuse(name, caller, State::several_hosts(name, offers), done);
    if (!host)
        host = offers.front().host;
    const auto offer = std::ranges::find(offers, host, &State::Offered::host);
    if (offer == offers.end())
        return state.refuse(name, caller,
            Error { "no plugin offers \"" + name + "\" on that host", Error::Kind::not_found },
            done);
    if (host->published()->is_paused(*offer->instance))
        return host->hold(offer->instance->name(),
            [this, name, arguments = std::move(arguments), caller, done = std::move(done),
                progress = std::move(call.progress)] {
                this->call(name, arguments, caller, done, progress);
            });
    call.host = host;
    state.start(command, offer->entry->handler, *offer, std::move(call), std::move(done));
}

namespace {

    Value describe_command(const Command& command)
    {
        Value::Array arguments;
        for (const CommandArgument& argument : command.arguments) {
            Value described;
            described["name"] = argument.name;
            described["type"] = to_string(argument.type);
            described["doc"] = argument.doc;
            described["required"] = argument.required;
            described["secret"] = argument.secret;
            if (!argument.default_text.empty())
                described["default"] = argument.default_text;
            for (const std::string& choice : argument.choices)
                described["choices"].array().emplace_back(choice);
            arguments.push_back(std::move(described));
        }
        Value described;
        described["name"] = command.name;
        described["summary"] = command.summary;
        described["arguments"] = std::move(arguments);
        described["reach"] = command.reach == Reach::server ? "server" : "host";
        described["console_only"] = command.fronts == Fronts::console;
        for (const std::string& alias : command.aliases)
            described["aliases"].array().emplace_back(alias);
        return described;
    }

}

std::vector<Command> CommandRegistry::offered_to(const CommandCaller& caller) const
{
    std::vector<Command> all;
    const auto add = [&](const Command& command) {
        if (is_offered(command, caller)
            && std::ranges::find(all, command.name, &Command::name) == all.end())
            all.push_back(command);
    };
    for (const auto& own : state_->commands)
        add(own->command);
    for (const auto& offer : state_->offered())
        add(with_host(offer.entry->command));
    std::ranges::sort(all, {}, &Command::name);
    return all;
}

Value CommandRegistry::describe() const
{
    Value::Array all;
    for (const auto& own : state_->commands)
        all.push_back(describe_command(own->command));
    for (const auto& offer : state_->offered()) {
        const std::string& name = offer.entry->command.name;
        auto known = std::ranges::find_if(
            all, [&](const Value& other) { return other.find("name")->as_string() == name; });
        if (known == all.end()) {
            all.push_back(describe_command(with_host(offer.entry->command)));
            known = all.end() - 1;
            (*known)["plugin"] = offer.instance->name();
        }
        if (known->find("plugin"))
            (*known)["hosts"].array().push_back(offer.host->domain());
    }
    std::ranges::sort(
        all, {}, [](const Value& command) { return command.find("name")->as_string(); });
    return all;
}

}
