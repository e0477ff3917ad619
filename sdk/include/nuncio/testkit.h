// The test kit: a whole server inside a test program, on time that only the test moves.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/result.h>
#include <nuncio/value.h>
#include <nuncio/xml.h>

#include <cstddef>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Linked from libnuncio-testkit (`nuncio::testkit`, nuncio_add_plugin_test()). Everything here
/// belongs to one thread, the test's: the server's loops take turns on it, there are no sockets,
/// and what one case does another never sees.
///
///     testkit::Server server({ .plugins = { "echo" } });
///     auto romeo = server.log_in("romeo@localhost/orchard");
///     romeo.send("<message to='echo.localhost'><body>hello</body></message>");
///     CHECK(romeo.receives("<message from='echo.localhost'
///     to='romeo@localhost/orchard'><body>hello</body></message>"));
///     CHECK(server.reload("echo"));
namespace nuncio::inline v1::testkit {

/// The answer of a check: true, or what was wrong. Test frameworks that print with `<<` show that.
class NUNCIO_API Outcome {
public:
    Outcome() = default; ///< all is well
    explicit Outcome(std::string wrong)
        : wrong_(std::move(wrong))
    {
    }
    explicit operator bool() const { return wrong_.empty(); }
    /// Empty when all is well.
    const std::string& text() const { return wrong_; }

    NUNCIO_API friend std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

private:
    std::string wrong_;
};

class Server;

/// One scripted client, logged in. Every byte that it sends and hears passes the real stream code.
/// It ends, like a link that breaks, with the object, which the server must outlive.
class NUNCIO_API Session {
public:
    Session(Session&& other) noexcept;
    Session& operator=(Session&& other) noexcept;
    ~Session();

    /// Its full address.
    const std::string& jid() const;

    /// Sends these bytes (any number of stanzas, or none that is whole), and lets the server come
    /// to rest. `{name}` stands for what a former expectation of any session matched.
    void send(std::string_view xml);
    /// Sends, but leaves the server's turn to whatever comes next: what shall be under way while a
    /// plugin is reloaded.
    void send_without_waiting(std::string_view xml);

    /// The next stanzas heard are exactly these, in this order. An attribute `{any}` matches
    /// whatever is there; `{name}` matches anything the first time and the same ever after. `id`
    /// and `xml:lang` are compared only where they are expected.
    [[nodiscard]] Outcome receives(std::string_view xml);
    /// The same, but there may be more attributes and children than these.
    [[nodiscard]] Outcome receives_some_of(std::string_view xml);
    /// Exactly these stanzas, in any order.
    [[nodiscard]] Outcome receives_in_any_order(std::string_view xml);
    /// Nothing is there that was not asked for yet.
    [[nodiscard]] Outcome hears_nothing();
    /// The next stanza, to be looked at by hand. Nothing when there is none, or the stream ended.
    std::optional<Element> hear();
    /// Forgets what was heard so far.
    void forget_heard();
    /// True once the server has closed the connection.
    bool is_disconnected();

    /// The connection breaks without a word, as mobile links do.
    void disconnect();

private:
    friend class Server;
    struct State;
    explicit Session(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// What a test's server is like.
struct ServerOptions {
    /// Enabled by name on every host, beside `storage` and the auth backend `internal`.
    std::vector<std::string> plugins {};
    /// The options of a plugin, in TOML as in its table in conf.d: `{ "echo", "host = 'parrot'" }`.
    std::map<std::string, std::string> options {};
    std::vector<std::string> hosts { "localhost" };
    /// Folders to look for plugins in, before `plugins` beside the folder of the test program,
    /// where nuncio_add_plugin() builds them, and those that are installed.
    std::vector<std::string> plugin_path {};
    /// The plugin that stores; the default forgets everything with the server.
    std::string storage = "storage-memory";
    /// Loops that carry streams. With more than one, entities live apart as on a real server.
    std::size_t loops = 1;
    /// Who may call commands over XMPP: of the server, and of hosts by domain.
    std::vector<std::string> admins {};
    std::map<std::string, std::vector<std::string>> host_admins {};
};

/// A server of its own, started by the constructor and stopped by the destructor.
class NUNCIO_API Server {
public:
    explicit Server(ServerOptions options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Whether it started, and said no word of warning or error while it did.
    [[nodiscard]] Outcome started() const;

    /// Logs in `user@host/resource`, makes the account when there is none, and sends presence
    /// unless `presence` is empty. Throws std::runtime_error with the reason when it cannot.
    Session log_in(std::string_view jid, std::string_view presence = "<presence/>");
    /// Makes an account that nobody is logged in to.
    [[nodiscard]] Outcome create_account(std::string_view bare);

    /// Moves the server's clock, and lets what is due happen in its order.
    void advance(Duration by);

    /// The transaction that `nuncioctl plugin reload` is: true when the generation that was built
    /// anew serves; else the former one does, and the text names the step and the reason. Takes the
    /// file that is on disk, so that a test may exchange it.
    [[nodiscard]] Outcome reload(std::string_view plugin);
    [[nodiscard]] Outcome load(std::string_view plugin);
    [[nodiscard]] Outcome unload(std::string_view plugin);

    /// Calls a command as nuncioctl would; `arguments` are a table.
    Result<Value> command(std::string_view name, Value arguments = Value(Value::Table()));

    /// Lines of level warn and error since the start, as `area: text`.
    std::vector<std::string> complaints() const;

private:
    friend class Session;
    struct State;
    std::unique_ptr<State> state_;
};

}
