// A server without plugins for tests of client streams: one auth backend, hooks, scripted clients.
#pragma once

#include "c2s.h"
#include "memory_connection.h"
#include "net_fixture.h"
#include "plugin_instance.h"
#include "server.h"

#include <nuncio/auth.h>
#include <nuncio/event.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::testing {

/// Keeps passwords as they are, and can be told to misbehave.
class TestBackend final : public AuthBackend {
public:
    std::map<std::string, std::string, std::less<>> passwords { { "juliet", "pencil" },
        { "romeo", "pencil" }, { "nurse", "pencil" } };
    /// What the right password of a user is answered with instead of a yes.
    std::map<std::string, Error, std::less<>> refusals {};
    /// They have an account as soon as they have come in.
    std::map<std::string, std::string, std::less<>> first_comers {};
    /// Of each user; who has none here has an empty one.
    std::map<std::string, std::string, std::less<>> marks {};
    /// What a question for a mark is answered with instead.
    std::optional<Error> mark_failure {};
    bool is_unavailable = false;
    bool throws = false;
    /// Whom it makes for somebody without a name; empty: it cannot.
    std::string guest {};
    /// Users by common name; with any, it can tell the owners of certificates.
    std::map<std::string, std::vector<std::string>, std::less<>> owners {};
    /// Answers wait until this is resolved.
    std::optional<Completion<bool>> gate {};
    /// Keys that clients brought (XEP-0480), by user; none are taken unless `takes_keys`.
    std::map<std::string, std::pair<ScramHash, ScramKeys>, std::less<>> brought {};
    bool takes_keys = false;
    bool loses_keys = false;
    std::optional<ScramHash>
        lacking {}; ///< nobody has keys of this hash but those who brought them

    AuthAbilities abilities() const override;
    task<Result<bool>> exists(std::string user) override;
    task<Result<bool>> check_password(std::string user, std::string password) override;
    task<Result<std::optional<ScramKeys>>> scram_keys(std::string user, ScramHash hash) override;
    task<Result<std::string>> make_anonymous() override;
    task<Result<std::vector<std::string>>> certificate_users(
        ClientCertificate certificate) override;
    task<Result<void>> set_scram_keys(std::string user, ScramHash hash, ScramKeys keys) override;
    task<Result<std::optional<std::string>>> password_mark(std::string user) override;
};

class House {
public:
    struct Options {
        std::size_t loops = 1;
        Limits limits {};
        bool has_tls = true;
        bool require_encryption = true;
        std::vector<std::string> mechanisms {};
    };
    House();
    explicit House(Options options);
    ~House();

    /// Before the first client.
    template <class Event>
    void on(std::function<Flow(Event&)> handler)
    {
        add_hook(Event::hook, [handler = std::move(handler)](void* event) {
            return handler(*static_cast<Event*>(event));
        });
    }
    template <class Service>
    void provide(Service& service)
    {
        add_service(Service::interface, static_cast<void*>(&service));
    }
    void settle() { server->settle(); }
    void advance(Duration by) { server->advance(by); }
    std::uint64_t open_streams() const { return server->c2s().open_streams(); }

    /// What the log has of level warn and above, a line each, since the last call.
    std::string take_warnings();

    struct Sink;
    std::unique_ptr<Sink> sink;
    TemporaryFolder folder;
    TestBackend backend;
    std::unique_ptr<Server> server;
    std::shared_ptr<PluginInstance> instance;

private:
    void add_hook(std::string_view hook, Function<Flow(void*)> handler);
    void add_service(std::string_view interface, void* service);
    void publish();
};

inline constexpr std::string_view client_header
    = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
      "to='capulet.lit' version='1.0'>";

/// The client's end. Every call lets the server come to rest.
class Client {
public:
    struct Options {
        bool is_encrypted = true;
        std::string address = "192.0.2.1";
        std::string exporter {};
        std::optional<ClientCertificate> certificate {};
        ListenSettings::Tls tls = ListenSettings::Tls::starttls;
    };
    explicit Client(House& house);
    Client(House& house, Options options);

    /// Sends, and answers what has come back since the last call.
    std::string say(std::string_view xml);
    std::string hear() { return say({}); }
    bool is_closed() const { return peer.is_closed(); }
    /// From the header to the bound resource; answers the full JID.
    std::string log_in(std::string_view user, std::string_view resource);
    std::string authenticate(std::string_view user, std::string_view password = "pencil");

    House& house;
    MemoryPeer peer;
};

bool has(std::string_view text, std::string_view part);

}
