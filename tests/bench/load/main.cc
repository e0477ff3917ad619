// nuncio-load: puts load on an XMPP server, times it, and takes every lost, repeated or reordered
// stanza for a failure. Exit status: 0 all well, 1 the server failed, 2 the run could not be made.
#include "chat.h"
#include "churn.h"
#include "clock.h"
#include "ping.h"
#include "presence.h"
#include "startup.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <sys/resource.h>

namespace {

using namespace nuncio::bench;

void add_server_options(CLI::App& command, Options& options)
{
    command.add_option("--address", options.address, "Server's IPv4 address")
        ->capture_default_str();
    command.add_option("--port", options.port, "Server's port")->capture_default_str();
    command.add_option("--domain", options.domain, "Virtual host")->capture_default_str();
    command.add_option("--pid", options.pid, "Server's process, for CPU and memory");
    command.add_option("--json", options.json, "Append the result to this file, one line");
    command.add_option("--label", options.label, "Name of the run in the JSON");
    command.add_option("--setup-seconds", options.setup_seconds, "Most time for setting up")
        ->capture_default_str();
}

void add_session_options(CLI::App& command, Options& options)
{
    static const std::map<std::string, Transport> transports { { "plain", Transport::plain },
        { "starttls", Transport::starttls }, { "tls", Transport::tls } };
    static const std::map<std::string, Mechanism> mechanisms { { "SCRAM-SHA-1",
                                                                   Mechanism::scram_sha_1 },
        { "SCRAM-SHA-256", Mechanism::scram_sha_256 }, { "PLAIN", Mechanism::plain } };
    command
        .add_option(
            "--transport", options.transport, "plain, starttls or tls (direct; the default)")
        ->transform(CLI::CheckedTransformer(transports).description(""));
    command
        .add_option(
            "--mechanism", options.mechanism, "SCRAM-SHA-1 (the default), SCRAM-SHA-256 or PLAIN")
        ->transform(CLI::CheckedTransformer(mechanisms).description(""));
    command.add_option("--users", options.users, "Number of accounts")
        ->capture_default_str()
        ->check(CLI::Range(1, 19'000));
    command.add_option("--first", options.first, "Number of the first account")
        ->capture_default_str();
    command.add_option("--prefix", options.prefix, "Account names are this and a number")
        ->capture_default_str();
    command.add_option("--password", options.password, "Of all accounts")->capture_default_str();
    command.add_option("--concurrency", options.concurrency, "Logins at a time")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    command.add_option(
        "--scram-cache", options.scram_cache, "File that keeps SCRAM keys between runs");
}

void add_bounds(CLI::App& command, Options& options)
{
    command.add_option("--seconds", options.seconds, "Most time to measure")->capture_default_str();
    command.add_option("--count", options.count, "Most units to measure")->capture_default_str();
    command.add_option("--grace", options.grace, "Wait this long for what is under way at the end")
        ->capture_default_str();
}

void add_exchange_options(CLI::App& command, Options& options)
{
    add_bounds(command, options);
    command.add_option("--warm-up", options.warm_up, "Seconds of load before measuring")
        ->capture_default_str();
    command.add_option("--window", options.window, "Stanzas under way per session (closed loop)")
        ->capture_default_str()
        ->check(CLI::Range(1, 4096));
    command.add_option("--rate", options.rate, "Stanzas per second of all sessions (open loop)");
    command.add_flag("--led", options.is_led,
        "Say \"measuring\" when it begins, and end with the standard input");
}

int run_exchange(Exchange& exchange, const std::string& name, Goal goal, Engine& engine,
    ScramCache& cache, Report& report, const Options& options)
{
    Fleet fleet(engine, options, cache, report);
    Meter meter(options.pid);
    report.scenario = name;
    if (options.pid != 0)
        report.memory_before = usage_of_tree(options.pid, Memory::rss_and_pss);
    fleet.bring_up(goal, exchange);
    if (goal != Goal::connected)
        fleet.settle();
    exchange.prepare(fleet);
    if (options.pid != 0) {
        report.memory_with_sessions = usage_of_tree(options.pid, Memory::rss_and_pss);
        report.has_memory = true;
    }
    exchange.run(meter);
    fleet.take_down();
    return publish(report, meter, exchange.latency(), options);
}

// Sessions that are there and do nothing.
class Idle final : public Fleet::Guide {
    void on_stanza(Session& session, std::string_view stanza) override
    {
        answer_request(session, stanza);
    }
};

int run_idle(Goal goal, Engine& engine, ScramCache& cache, Report& report, const Options& options)
{
    Idle guide;
    Fleet fleet(engine, options, cache, report);
    Meter meter(options.pid);
    report.scenario = "idle";
    report.unit = "sessions";
    report.memory_before = usage_of_tree(options.pid, Memory::rss_and_pss);
    fleet.bring_up(goal, guide);
    if (goal != Goal::connected)
        fleet.settle();
    meter.begin();
    engine.run(now_ns() + to_ns(options.hold), [] { return false; });
    meter.end();
    report.memory_with_sessions = usage_of_tree(options.pid, Memory::rss_and_pss);
    report.has_memory = true;
    report.units = report.sessions;
    fleet.take_down();
    return publish(report, meter, Histogram(), options);
}

int run_churn(Errand errand, const std::string& name, const std::string& unit, Engine& engine,
    ScramCache& cache, Report& report, const Options& options)
{
    Churn churn(engine, options, cache, report, errand);
    Meter meter(options.pid);
    report.scenario = name;
    report.unit = unit;
    churn.run(meter);
    return publish(report, meter, churn.latency(), options);
}

int dispatch(const std::string& name, bool raw, const Options& options)
{
    if (name == "startup")
        return measure_startup(options);
    Engine engine;
    ScramCache cache(options.scram_cache);
    Report report;
    int status = 2;
    const auto save = [&] {
        if (!cache.save())
            std::cerr << "cannot write " << options.scram_cache << '\n';
    };
    try {
        if (name == "chat" || name == "relay") {
            Chat chat(engine, options, report);
            status = run_exchange(chat, name, name == "relay" ? Goal::connected : Goal::available,
                engine, cache, report, options);
        } else if (name == "ping") {
            Ping ping(engine, options, report);
            status = run_exchange(ping, name, Goal::bound, engine, cache, report, options);
        } else if (name == "presence") {
            Presence presence(engine, options, report);
            status = run_exchange(presence, name, Goal::available, engine, cache, report, options);
        } else if (name == "idle") {
            status
                = run_idle(raw ? Goal::connected : Goal::available, engine, cache, report, options);
        } else if (name == "login") {
            status = run_churn(Errand::login, name, "logins", engine, cache, report, options);
        } else if (name == "register") {
            status = run_churn(
                Errand::register_account, name, "accounts", engine, cache, report, options);
        } else {
            status
                = run_churn(Errand::handshake, name, "handshakes", engine, cache, report, options);
        }
    } catch (const SetupError& error) {
        std::cerr << name << ": " << error.what() << '\n';
    }
    save();
    return status;
}

// One descriptor per session, as many as the system lets us have.
void raise_descriptor_limit()
{
    rlimit limit {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}

int main(int argc, char** argv)
{
    Options options;
    bool raw = false;
    CLI::App app("Puts load on an XMPP server and measures it", "nuncio-load");
    app.require_subcommand(1);

    const auto scenario = [&](const std::string& name, const std::string& what) {
        auto* const command = app.add_subcommand(name, what);
        add_server_options(*command, options);
        if (name != "startup")
            add_session_options(*command, options);
        return command;
    };
    auto* const chat = scenario("chat", "Messages between pairs of users");
    auto* const relay = scenario("relay", "The same between pairs of connections to nuncio-floor");
    for (auto* const command : { chat, relay }) {
        add_exchange_options(*command, options);
        command->add_option("--size", options.size, "Bytes of a message")->capture_default_str();
    }
    chat->add_flag("--full-jid", options.full_jid, "Send to the full JID and not to the bare one");
    add_exchange_options(*scenario("ping", "XMPP pings to the server (XEP-0199)"), options);
    auto* const presence = scenario("presence", "Presence to the subscribers of each user");
    add_exchange_options(*presence, options);
    presence->add_option("--subscribers", options.subscribers, "Of each user")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    add_bounds(*scenario("login", "Logins, one after the other in each slot"), options);
    add_bounds(*scenario("handshake", "TLS handshakes with nuncio-floor"), options);
    scenario("register", "Make the accounts (XEP-0077)")
        ->add_option("--seconds", options.seconds, "Most time")
        ->capture_default_str();
    auto* const idle = scenario("idle", "Sessions that do nothing: memory per session");
    idle->add_option("--hold", options.hold, "Seconds before memory is measured")
        ->capture_default_str();
    idle->add_flag("--raw", raw, "Only connections, without XMPP");
    idle->get_option("--pid")->required();
    auto* const startup
        = scenario("startup", "Start a server, time it until it accepts, and stop it");
    startup->add_option("--hold", options.hold, "Seconds before memory is measured")
        ->capture_default_str();
    startup->add_option("command", options.command, "The server's command line, after --")
        ->required();

    CLI11_PARSE(app, argc, argv);
    raise_descriptor_limit();
    return dispatch(app.get_subcommands().front()->get_name(), raw, options);
}
