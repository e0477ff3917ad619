// nuncioctl's end of the control socket.
#include "client.h"

#include "terminal.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace nuncio::ctl {

namespace {

    constexpr std::size_t answer_bytes = 268435456;

    Error not_connected(const std::string& path, int failure)
    {
        std::string text = "cannot reach the server at " + path + ": " + std::strerror(failure);
        if (failure == EACCES || failure == EPERM)
            text += "\nOnly root and the user whom the server runs as may use this socket: try "
                    "sudo.";
        else if (failure == ENOENT)
            text += "\nIs nunciod running (systemctl status nuncio)? With another data folder than "
                    "the usual one, say --data DIR.";
        else if (failure == ECONNREFUSED)
            text += "\nThe socket was left by a server that has ended: start nunciod again.";
        return Error { text, Error::Kind::unavailable };
    }

    Error::Kind kind_of(const Value& error)
    {
        const Value* kind = error.find("kind");
        return kind && *kind == Value("not-found") ? Error::Kind::not_found : Error::Kind::invalid;
    }

    /// Until `fd` can be read.
    void wait_for(int fd, StatusLine* status)
    {
        pollfd waiting { .fd = fd, .events = POLLIN, .revents = 0 };
        const int frame = status ? int(StatusLine::frame_time.count()) : -1;
        while (true) {
            const int ready = ::poll(&waiting, 1, frame);
            if (ready > 0 || (ready < 0 && errno != EINTR))
                return;
            if (status)
                status->tick();
        }
    }

}

Result<Client> Client::connect(const std::string& path)
{
    sockaddr_un address {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return not_connected(path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    Client client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (client.fd_ < 0
        || ::connect(client.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return not_connected(path, errno);
    return client;
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1))
    , input_(std::move(other.input_))
{
}

Client& Client::operator=(Client&& other) noexcept
{
    std::swap(fd_, other.fd_);
    std::swap(input_, other.input_);
    return *this;
}

Client::~Client()
{
    if (fd_ >= 0)
        ::close(fd_);
}

Result<std::string> Client::read_line(StatusLine* status)
{
    const Error lost { "the server closed the connection without an answer; its log may say why",
        Error::Kind::unavailable };
    std::size_t searched = 0;
    while (true) {
        if (const auto end = input_.find('\n', searched); end != std::string::npos) {
            std::string line = input_.substr(0, end);
            input_.erase(0, end + 1);
            return line;
        }
        searched = input_.size();
        if (searched > answer_bytes)
            return Error { "the answer is larger than 256 MiB", Error::Kind::limit };
        wait_for(fd_, status);
        char bytes[65536];
        const ssize_t count = ::read(fd_, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return lost;
        input_.append(bytes, std::size_t(count));
    }
}

Result<Value> Client::call(const std::string& command, Value arguments, StatusLine* status)
{
    Value request;
    request["command"] = command;
    request["arguments"] = std::move(arguments);
    std::string line = request.json() + '\n';
    for (std::string_view rest = line; !rest.empty();) {
        const ssize_t count = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return Error { std::string("the server went away: ") + std::strerror(errno),
                Error::Kind::unavailable };
        rest.remove_prefix(std::size_t(count));
    }
    while (true) {
        auto answer_line = read_line(status);
        if (!answer_line)
            return answer_line.error();
        auto answer = Value::parse_json(*answer_line);
        if (!answer)
            return Error { "the server's answer is " + answer.error().text };
        if (const Value* progress = answer->find("progress")) {
            if (status)
                status->wipe();
            // Standard output is the answer's alone when a program reads it.
            std::FILE* const to = status ? stdout : stderr;
            std::fprintf(to, "%s\n", progress->as_string().c_str());
            std::fflush(to);
            continue;
        }
        if (const Value* error = answer->find("error")) {
            const Value* text = error->find("text");
            return Error { text ? text->as_string() : error->json(), kind_of(*error) };
        }
        const Value* result = answer->find("result");
        return result ? *result : Value();
    }
}

void Client::wait_for_end(StatusLine* status)
{
    ucred server {};
    socklen_t size = sizeof server;
    if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0 || server.pid <= 0)
        return; // a server outside of this namespace has no number here
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, server.pid, 0));
    if (process < 0)
        return; // it has ended
    wait_for(process, status);
    ::close(process);
}

}
