// A server inside the test: no sockets, no threads, time that only the test moves.
#pragma once

#include "memory_connection.h"
#include "server.h"

#include <nuncio/xml_stream.h>

#include <deque>
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

class TestServer;

/// One scripted client. Every byte it sends and reads passes the real stream code.
class TestClient {
public:
    TestClient(TestServer& server, std::string name);
    ~TestClient();

    /// Opens a connection that says it is encrypted (`is_encrypted`) or not.
    void connect(bool is_encrypted);
    void send(std::string_view bytes);
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

    TestServer& server_;
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
struct TestServerOptions {
    std::vector<std::string> hosts { "localhost" };
    std::vector<std::string> plugins; ///< beside the storage and the auth backend
    std::map<std::string, std::string> plugin_toml; ///< name → options in TOML
    std::string plugin_path; ///< folder of the built .so files
    std::size_t loops = 1;
    std::string limits_toml; ///< lines of [limits]
};

class TestServer {
public:
    explicit TestServer(TestServerOptions options);
    ~TestServer();

    /// What went wrong at start, or nothing.
    const std::optional<std::string>& failure() const { return failure_; }
    std::optional<std::string> create_account(const Jid& jid, const std::string& password);
    void settle() { server_->settle(); }
    void advance(Duration by) { server_->advance(by); }
    kernel::Server& server() { return *server_; }
    /// Lines of level warn and error, for tests that expect silence.
    std::vector<std::string> complaints() const;

private:
    friend class TestClient;
    struct Sink;
    TestServerOptions options_;
    std::string data_folder_;
    std::unique_ptr<Sink> sink_;
    std::unique_ptr<kernel::Server> server_;
    std::optional<std::string> failure_;
};

}
