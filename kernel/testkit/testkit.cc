// The public face of the scripted server: <nuncio/testkit.h>.
#include "command_registry.h"
#include "expect.h"
#include "plugin_folders.h"
#include "plugin_host.h"
#include "scripted_server.h"

#include <nuncio/testkit.h>

#include <ostream>
#include <stdexcept>

namespace nuncio::inline v1::testkit {

namespace {

    constexpr const char* password = "correct horse"; // of every account: nobody else is here

    Outcome outcome_of(const std::optional<std::string>& wrong)
    {
        return wrong ? Outcome(*wrong) : Outcome();
    }

    Outcome outcome_of(const Result<Value>& result)
    {
        return result ? Outcome() : Outcome(result.error().text);
    }

    test::ScriptOptions script_of(ServerOptions options)
    {
        test::ScriptOptions script;
        script.hosts = std::move(options.hosts);
        script.plugins = std::move(options.plugins);
        script.plugin_toml = std::move(options.options);
        for (auto& [name, toml] : script.plugin_toml)
            toml += '\n';
        script.plugin_path = std::move(options.plugin_path);
        for (std::string& folder : test::plugin_folders())
            script.plugin_path.push_back(std::move(folder));
        script.storage = std::move(options.storage);
        script.loops = options.loops;
        script.admins = std::move(options.admins);
        script.host_admins = std::move(options.host_admins);
        return script;
    }

}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome)
{
    return out << (outcome ? "as expected" : outcome.text());
}

struct Server::State {
    explicit State(ServerOptions options)
        : server(script_of(std::move(options)))
    {
    }
    test::ScriptedServer server;
    test::Bindings bindings;
    kernel::PluginHost& plugins() { return server.server().plugins(); }
};

struct Session::State {
    State(Server::State& owner, std::string name)
        : server(owner)
        , jid(std::move(name))
        , client(owner.server, jid)
    {
    }
    Server::State& server;
    std::string jid;
    test::ScriptedClient client;
    bool is_disconnected = false;

    std::optional<test::Heard> hear()
    {
        auto heard = client.hear();
        if (heard && heard->kind == test::Heard::Kind::closed)
            is_disconnected = true;
        return heard;
    }

    Outcome receives(std::string_view xml, test::Strictness strictness)
    {
        auto wanted = test::read_block(std::string(xml));
        if (!wanted)
            return Outcome("what is expected is not XML: " + wanted.error().text);
        for (const ElementRef expected : *wanted)
            if (auto wrong = test::expect_next(client, expected, strictness, server.bindings))
                return Outcome(*wrong);
        return {};
    }
};

Session::Session(std::unique_ptr<State> state)
    : state_(std::move(state))
{
}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Session::~Session()
{
    if (state_ && !state_->is_disconnected)
        state_->client.hang_up();
}

const std::string& Session::jid() const
{
    return state_->jid;
}

void Session::send(std::string_view xml)
{
    state_->client.send(test::substitute(std::string(xml), state_->server.bindings));
}

void Session::send_without_waiting(std::string_view xml)
{
    state_->client.post(test::substitute(std::string(xml), state_->server.bindings));
}

Outcome Session::receives(std::string_view xml)
{
    return state_->receives(xml, test::Strictness::exact);
}

Outcome Session::receives_some_of(std::string_view xml)
{
    return state_->receives(xml, test::Strictness::some);
}

Outcome Session::receives_in_any_order(std::string_view xml)
{
    auto wanted = test::read_block(std::string(xml));
    if (!wanted)
        return Outcome("what is expected is not XML: " + wanted.error().text);
    return outcome_of(test::expect_in_any_order(state_->client, *wanted, state_->server.bindings));
}

Outcome Session::hears_nothing()
{
    if (auto heard = state_->hear())
        return Outcome(state_->jid + " heard " + heard->text());
    return {};
}

std::optional<Element> Session::hear()
{
    auto heard = state_->hear();
    if (!heard || heard->kind != test::Heard::Kind::element)
        return {};
    return std::move(heard->element);
}

void Session::forget_heard()
{
    while (state_->hear()) { }
}

bool Session::is_disconnected()
{
    while (!state_->is_disconnected && state_->hear()) { }
    return state_->is_disconnected;
}

void Session::disconnect()
{
    state_->is_disconnected = true;
    state_->client.hang_up();
}

Server::Server(ServerOptions options)
    : state_(std::make_unique<State>(std::move(options)))
{
}

Server::~Server() = default;

Outcome Server::started() const
{
    return outcome_of(state_->server.failure());
}

Session Server::log_in(std::string_view jid, std::string_view presence)
{
    auto parsed = Jid::parse(jid);
    if (!parsed)
        throw std::runtime_error(std::string(jid) + ": " + parsed.error().text);
    if (auto started = this->started(); !started)
        throw std::runtime_error("the server did not start: " + started.text());
    if (auto made = create_account(jid); !made)
        throw std::runtime_error(std::string(jid) + ": " + made.text());
    Session session(std::make_unique<Session::State>(*state_, parsed->text()));
    if (auto wrong = session.state_->client.log_in(*parsed, password))
        throw std::runtime_error(std::string(jid) + ": " + *wrong);
    if (!presence.empty()) {
        session.send(presence);
        session.forget_heard(); // its own presence, when there is a plugin for that
    }
    return session;
}

Outcome Server::create_account(std::string_view bare)
{
    auto jid = Jid::parse(bare);
    if (!jid)
        return Outcome(jid.error().text);
    auto wrong = state_->server.create_account(*jid, password);
    if (wrong && wrong->find("exists") == std::string::npos)
        return Outcome(*wrong);
    return {};
}

void Server::advance(Duration by)
{
    state_->server.advance(by);
}

Outcome Server::reload(std::string_view plugin)
{
    return outcome_of(state_->server.outcome(
        [&](auto done) { state_->plugins().reload(std::string(plugin), {}, std::move(done)); }));
}

Outcome Server::load(std::string_view plugin)
{
    return outcome_of(state_->server.outcome([&](auto done) {
        state_->plugins().load(std::string(plugin), {},
            [done](Result<void> ended) { done(ended ? Result<Value>(Value()) : ended.error()); });
    }));
}

Outcome Server::unload(std::string_view plugin)
{
    return outcome_of(state_->server.outcome([&](auto done) {
        state_->plugins().unload(std::string(plugin), {}, kernel::Dependents::refuse,
            [done](Result<void> ended) { done(ended ? Result<Value>(Value()) : ended.error()); });
    }));
}

Result<Value> Server::command(std::string_view name, Value arguments)
{
    kernel::Server& server = state_->server.server();
    return state_->server.outcome([&](auto done) {
        server.main_loop().post(
            [&server, name = std::string(name), arguments = std::move(arguments), done]() mutable {
                server.commands().call(
                    name, std::move(arguments), kernel::CommandCaller::console("test"), done);
            });
    });
}

std::vector<std::string> Server::complaints() const
{
    return state_->server.complaints();
}

}
