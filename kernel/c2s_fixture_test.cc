#include "c2s_fixture.h"
#include "log_sink.h"
#include "route_table.h"
#include "tls.h"
#include "virtual_host.h"

#include <nuncio/crypto.h>
#include <nuncio/scram.h>

#include <doctest/doctest.h>
#include <stdexcept>
#include <utility>

namespace nuncio::kernel::testing {

struct House::Sink final : LogSink {
    void write(Log::Level level, std::string_view, std::string_view line) override
    {
        if (level >= Log::Level::warn)
            warnings.append(line).append(1, '\n');
    }
    bool is_enabled(Log::Level level) const override { return level >= Log::Level::warn; }
    void set_level(Log::Level) override { }
    Result<void> reopen() override { return {}; }
    void flush() override { }
    std::string warnings;
};

std::string House::take_warnings()
{
    return std::exchange(sink->warnings, {});
}

AuthAbilities TestBackend::abilities() const
{
    return { .check_password = true,
        .scram_sha1 = true,
        .scram_sha256 = true,
        .anonymous = !guest.empty(),
        .certificate = !owners.empty(),
        .set_scram_keys = takes_keys,
        .scram_iterations = takes_keys ? 4096u : 0u,
        .scram_varies = lacking.has_value() };
}

task<Result<bool>> TestBackend::exists(std::string user)
{
    co_return passwords.contains(user);
}

task<Result<std::optional<std::string>>> TestBackend::password_mark(std::string user)
{
    if (mark_failure)
        co_return *mark_failure;
    if (!passwords.contains(user))
        co_return std::optional<std::string>();
    co_return std::optional(marks[user]);
}

task<Result<bool>> TestBackend::check_password(std::string user, std::string password)
{
    if (gate)
        co_await *gate;
    if (throws)
        throw std::runtime_error("out of order");
    if (is_unavailable)
        co_return Error { "the directory does not answer", Error::Kind::unavailable };
    if (const auto first = first_comers.find(user);
        first != first_comers.end() && first->second == password)
        passwords.insert(*first);
    const auto found = passwords.find(user);
    const bool is_right = found != passwords.end() && found->second == password;
    if (const auto refusal = refusals.find(user); is_right && refusal != refusals.end())
        co_return refusal->second;
    co_return is_right;
}

task<Result<std::optional<ScramKeys>>> TestBackend::scram_keys(std::string user, ScramHash hash)
{
    if (gate)
        co_await *gate;
    if (is_unavailable)
        co_return Error { "the directory does not answer", Error::Kind::unavailable };
    const auto found = passwords.find(user);
    if (found == passwords.end())
        co_return std::optional<ScramKeys>();
    if (const auto new_ones = brought.find(user);
        new_ones != brought.end() && new_ones->second.first == hash)
        co_return new_ones->second.second;
    if (lacking == hash)
        co_return std::optional<ScramKeys>();
    co_return std::optional<ScramKeys>(
        make_scram_keys(found->second, "0123456789abcdef", 4096, hash));
}

task<Result<std::vector<std::string>>> TestBackend::certificate_users(ClientCertificate certificate)
{
    if (gate)
        co_await *gate;
    if (is_unavailable)
        co_return Error { "the directory does not answer", Error::Kind::unavailable };
    if (const auto refusal = refusals.find(certificate.common_name); refusal != refusals.end())
        co_return refusal->second;
    const auto found = owners.find(certificate.common_name);
    co_return found == owners.end() ? std::vector<std::string>() : found->second;
}

task<Result<std::string>> TestBackend::make_anonymous()
{
    if (is_unavailable)
        co_return Error { "no room", Error::Kind::limit };
    co_return guest;
}

task<Result<void>> TestBackend::set_scram_keys(std::string user, ScramHash hash, ScramKeys keys)
{
    if (gate)
        co_await *gate;
    if (loses_keys)
        co_return Error { "the disk is full", Error::Kind::unavailable };
    brought[user] = { hash, std::move(keys) };
    co_return Result<void>();
}

House::House()
    : House(Options {})
{
}

House::House(Options options)
    : sink(std::make_unique<Sink>())
{
    Settings settings;
    settings.loops = static_cast<std::uint32_t>(options.loops);
    settings.workers = 1;
    settings.limits = options.limits;
    for (const char* domain : { "capulet.lit", "montague.lit" }) {
        HostSettings host;
        host.domain = domain;
        host.auth = { "test-backend" };
        host.require_encryption = options.require_encryption;
        host.mechanisms = options.mechanisms;
        settings.hosts.push_back(host);
    }
    if (options.has_tls)
        settings.hosts[0].certificate = make_certificate(folder, "capulet", { "capulet.lit" });
    server = std::make_unique<Server>(
        settings, *sink, Server::Options { .clock = ClockKind::manual, .threads = false });
    REQUIRE(server->start().ok());
    instance = std::make_shared<PluginInstance>(
        "test-backend", *server->find_host("capulet.lit"), nullptr);
    instance->registrations().services.push_back({ std::string(AuthBackend::interface), &backend });
    instance->registrations().hooks.reserve(16); // the table points into it
    for (const auto& host : server->hosts())
        host->publish(RouteTable::build({ instance }), {});
    server->publish_domains({});
    settle();
}

House::~House()
{
    server->stop();
    advance(10s);
}

void House::add_hook(std::string_view hook, Function<Flow(void*)> handler)
{
    instance->registrations().hooks.push_back(
        { std::string(hook), Stage::normal, std::move(handler) });
    publish();
}

void House::add_service(std::string_view interface, void* service)
{
    instance->registrations().services.push_back({ std::string(interface), service });
    publish();
}

void House::publish()
{
    for (const auto& host : server->hosts())
        host->publish(RouteTable::build({ instance }), {});
    settle();
}

Client::Client(House& at)
    : Client(at, Options {})
{
}

Client::Client(House& at, Options options)
    : house(at)
{
    MemoryPeer::Options wire;
    wire.address = options.address;
    wire.exporter = options.exporter;
    wire.certificate = options.certificate;
    if (options.is_encrypted)
        wire.tls = wire.tls_after_start;
    ListenSettings listen;
    listen.tls = options.tls;
    house.server->c2s().adopt(peer.connect(house.server->loop(0), wire), listen);
    house.settle();
}

std::string Client::say(std::string_view xml)
{
    peer.send(xml);
    house.settle();
    return peer.take();
}

std::string Client::authenticate(std::string_view user, std::string_view password)
{
    std::string message(1, '\0');
    message.append(user).append(1, '\0').append(password);
    return say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
        + to_base64(message) + "</auth>");
}

std::string Client::log_in(std::string_view user, std::string_view resource)
{
    say(client_header);
    if (!has(authenticate(user), "<success"))
        return "not authenticated";
    say(client_header);
    const auto answer
        = say("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
              "<resource>"
            + std::string(resource) + "</resource></bind></iq>");
    const auto begin = answer.find("<jid>");
    return begin == answer.npos ? answer
                                : answer.substr(begin + 5, answer.find("</jid>") - begin - 5);
}

bool has(std::string_view text, std::string_view part)
{
    return text.find(part) != text.npos;
}

}
