// A server inside the test: no sockets, no threads, time that only the test moves.
#pragma once

#include "memory_connection.h"
#include "server.h"

#include <nuncio/xml_stream.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::test {

/// What a client saw, in order: a header, a stanza, the stream's end tag, or the connection's end.
struct Heard {
    enum class Kind { header, element, end_tag, closed };
    Kind kind = Kind::element;
    Element element;

    std::string text() const;
};

class ScriptedServer;

/// One scripted client. Every byte it sends and reads passes the real stream code.
class ScriptedClient {
public:
    ScriptedClient(ScriptedServer& server, std::string name);
    ~ScriptedClient();

    /// Opens a connection that says it is encrypted (`is_encrypted`) or not.
    void connect(bool is_encrypted);
    /// Sends, and lets the server settle.
    void send(std::string_view bytes);
    /// Sends; the server comes to it in its own time.
    void post(std::string_view bytes);
    /// The client's side of the connection ends without a word.
    void hang_up();
    /// Connects, logs in with PLAIN and binds. Answers what went wrong, or nothing.
    std::optional<std::string> log_in(const Jid& jid, const std::string& password);

    /// The next thing heard, or nothing. Lets the server settle first.
    std::optional<Heard> hear();
    const std::string& name() const { return name_; }
    const Jid& jid() const { return jid_; }

private:
    void collect();
    std::optional<std::string> expect(std::string_view name, Heard::Kind kind);

    ScriptedServer& server_;
    std::string name_;
    Jid jid_;
    std::unique_ptr<kernel::MemoryPeer> peer_;
    XmlStream incoming_;
    std::string incoming_bytes_;
    std::deque<Heard> heard_;
    bool is_broken_ = false;
    bool was_closed_ = false;
    bool is_gone_ = false;
};

/// Options as a conversation's head declares them.
struct ScriptOptions {
    std::vector<std::string> hosts { "localhost" };
    std::vector<std::string> plugins; ///< beside the storage and the auth backend
    std::vector<std::string> auth { "internal" }; ///< every host's chain of auth backends
    std::map<std::string, std::string> plugin_toml; ///< name → options in TOML
    std::vector<std::string> plugin_path; ///< folders of .so files
    std::string storage = "storage-memory";
    std::size_t loops = 1;
    std::string limits_toml; ///< lines of [limits]
    std::vector<std::string> admins; ///< of the server
    std::map<std::string, std::vector<std::string>> host_admins; ///< domain → of that host
    /// What it warns of at the start is no failure: a service that is down, for instance.
    bool may_warn = false;
};

class ScriptedServer {
public:
    /// `fault`: see kernel::Server::Options.
    explicit ScriptedServer(
        ScriptOptions options, decltype(kernel::Server::Options::fault) fault = {});
    ~ScriptedServer();

    /// What went wrong at start, or nothing.
    const std::optional<std::string>& failure() const { return failure_; }
    std::optional<std::string> create_account(const Jid& jid, const std::string& password);
    /// In its configuration alone: the command `reload` takes it up.
    void add_host(const std::string& domain);
    void remove_host(const std::string& domain);
    void settle() { server_->settle(); }
    /// Settles again and again until `is_done`, for five seconds at the most: some answers come
    /// from threads that no test governs.
    bool settle_until(const std::function<bool()>& is_done);
    void advance(Duration by) { server_->advance(by); }
    kernel::Server& server() { return *server_; }
    /// Lines of level warn and error, for tests that expect silence.
    std::vector<std::string> complaints() const;
    const std::string& data_folder() const { return data_folder_; }
    /// Gives a change of plugins, which `call` starts, a few seconds of the server's time to end.
    Result<Value> outcome(const std::function<void(std::function<void(Result<Value>)> done)>& call);

private:
    friend class ScriptedClient;
    struct Sink;
    void write_configuration();
    ScriptOptions options_;
    std::string data_folder_;
    std::unique_ptr<Sink> sink_;
    std::unique_ptr<kernel::Server> server_;
    std::optional<std::string> failure_;
};

}
