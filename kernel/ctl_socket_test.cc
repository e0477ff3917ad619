#include "command_registry.h"
#include "ctl_protocol.h"
#include "ctl_socket.h"
#include "log_sink.h"
#include "server.h"

#include <nuncio/temporary_folder.h>
#include <nuncio/value.h>

#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <functional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

/// A client that waits; the socket's own bounds end a test that would hang.
class Client {
public:
    explicit Client(const std::string& path)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_un address {};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        const timeval patience { 20, 0 };
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        is_open_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool is_open() const { return is_open_; }
    void send(std::string_view bytes)
    {
        while (!bytes.empty()) {
            const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count <= 0)
                return;
            bytes.remove_prefix(std::size_t(count));
        }
    }
    void end_sending() { ::shutdown(fd_, SHUT_WR); }

    /// The next line, or "closed".
    std::string line()
    {
        while (input_.find('\n') == std::string::npos) {
            char bytes[4096];
            const auto count = ::recv(fd_, bytes, sizeof bytes, 0);
            if (count <= 0)
                return "closed";
            input_.append(bytes, std::size_t(count));
        }
        const auto end = input_.find('\n');
        std::string first = input_.substr(0, end);
        input_.erase(0, end + 1);
        return first;
    }

private:
    int fd_;
    bool is_open_ = false;
    std::string input_;
};

/// Runs a server whose only door is the control socket, and `visit` on a thread of its own beside
/// it; then stops it.
void with_server(const std::function<void(const std::string& socket)>& visit)
{
    const testkit::TemporaryFolder folder;
    Settings settings { .loops = 1, .workers = 1 };
    settings.data_dir = folder.path();
    settings.ctl_socket = folder.path("ctl.sock");
    const std::string path = settings.ctl_socket;
    auto logs = LogSink::create({ .level = "error" });
    REQUIRE(logs);
    {
        Server server(std::move(settings), **logs, {});
        server.commands().add({ "echo", "", { { .name = "text" } } },
            [](const CommandCall& call) -> task<Result<Value>> { co_return call.arguments; });
        REQUIRE(server.start());
        std::thread visitor([&] {
            visit(path);
            server.stop();
        });
        server.run();
        visitor.join();
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

std::string echo(const std::string& text)
{
    return R"({"command":"echo","arguments":{"text":")" + text + "\"}}\n";
}

}

TEST_CASE("requests on one connection are answered in order, wrong ones too")
{
    with_server([](const std::string& path) {
        struct stat status { };
        CHECK(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
        Client client(path);
        client.send(echo("1") + "nonsense\n" + "{}\n" + R"({"command":"nope"})" + "\n" + echo("2"));
        CHECK(client.line() == R"({"result":{"text":"1"}})");
        CHECK(client.line()
            == R"({"error":{"text":"the request is not JSON at byte 2, near 'no'","kind":"invalid"}})");
        CHECK(client.line()
            == R"({"error":{"text":"the request names no command","kind":"invalid"}})");
        CHECK(client.line()
            == R"({"error":{"text":"there is no command \"nope\"","kind":"not-found"}})");
        CHECK(client.line() == R"({"result":{"text":"2"}})");
    });
}

TEST_CASE("a request may come in pieces, and a client that only ended its side is answered")
{
    with_server([](const std::string& path) {
        Client client(path);
        const std::string request = echo("pieces") + echo("again");
        for (const char& byte : request)
            client.send({ &byte, 1 });
        client.end_sending();
        CHECK(client.line() == R"({"result":{"text":"pieces"}})");
        CHECK(client.line() == R"({"result":{"text":"again"}})");
        CHECK(client.line() == "closed");
    });
}

TEST_CASE("a request that is too large is refused, and others notice nothing")
{
    with_server([](const std::string& path) {
        Client bystander(path);
        Client client(path);
        client.send(std::string(ctl::request_bytes + 1, 'x'));
        CHECK(client.line()
            == R"({"error":{"text":"the request is larger than 256 KiB","kind":"limit"}})");
        client.end_sending();
        CHECK(client.line() == "closed");
        bystander.send(echo("fine"));
        CHECK(bystander.line() == R"({"result":{"text":"fine"}})");
    });
}

TEST_CASE("there is a bound on clients, and who leaves makes room")
{
    with_server([](const std::string& path) {
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 64; ++i) {
            clients.push_back(std::make_unique<Client>(path));
            clients.back()->send(echo("in"));
            CHECK(clients.back()->line() == R"({"result":{"text":"in"}})");
        }
        Client late(path);
        CHECK(late.line() == "closed");
        clients.front()->end_sending();
        CHECK(clients.front()->line() == "closed");
        Client next(path);
        next.send(echo("in"));
        CHECK(next.line() == R"({"result":{"text":"in"}})");
    });
}

TEST_CASE("stop is answered before the server ends")
{
    with_server([](const std::string& path) {
        Client client(path);
        client.send("{\"command\":\"stop\"}\n");
        CHECK(client.line() == R"({"result":{"server":"stopping"}})");
    });
}

TEST_CASE("a second server is refused, and a dead one's socket is taken over")
{
    with_server([](const std::string& path) {
        Settings settings { .loops = 1 };
        settings.ctl_socket = path;
        auto logs = LogSink::create({ .level = "error" });
        Server second(std::move(settings), **logs, {});
        const auto made = CtlSocket::create(second, path);
        REQUIRE_FALSE(made);
        CHECK(made.error().text.find("another nunciod answers at " + path) == 0);
        CHECK(Client(path).is_open());
    });
    const testkit::TemporaryFolder folder;
    const std::string path = folder.path("left.sock");
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    auto logs = LogSink::create({ .level = "error" });
    Server server({ .loops = 1 }, **logs, {});
    CHECK(CtlSocket::create(server, path));
    CHECK_FALSE(CtlSocket::create(server, "/nonexistent/ctl.sock"));
    CHECK_FALSE(CtlSocket::create(server, std::string(200, 'x')));
}
