// The administrator's unix socket: commands in, answers out, one JSON object a line.
#include "ctl_socket.h"

#include "command_registry.h"
#include "ctl_protocol.h"
#include "line_listener.h"
#include "log_sink.h"
#include "server.h"

#include <cerrno>
#include <cstring>
#include <list>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t most_clients = 64;
    constexpr std::size_t most_output = 67108864; // an answer may list every session
    constexpr Duration idle_time = 60s;
    constexpr int backlog = 16;

    uv_handle_t* handle_of(uv_pipe_t& pipe)
    {
        return reinterpret_cast<uv_handle_t*>(&pipe);
    }
    uv_stream_t* stream_of(uv_pipe_t& pipe)
    {
        return reinterpret_cast<uv_stream_t*>(&pipe);
    }

    /// A pipe whose memory lives until libuv has let go of it.
    struct Pipe {
        uv_pipe_t uv {};
        void close()
        {
            uv.data = this;
            uv_close(handle_of(uv),
                [](uv_handle_t* handle) { delete static_cast<Pipe*>(handle->data); });
        }
    };
    struct ClosePipe {
        void operator()(Pipe* pipe) const { pipe->close(); }
    };
    using OwnedPipe = std::unique_ptr<Pipe, ClosePipe>;

    struct Writing {
        uv_write_t uv {};
        std::string bytes;
    };

    Value error_line(const Error& error)
    {
        Value line;
        line["error"]["text"] = error.text;
        line["error"]["kind"] = ctl::to_string(error.kind);
        return line;
    }

    /// True when a server answers at `path`; a file that a dead one left does not.
    bool is_answered(const sockaddr_un& address)
    {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return false;
        const bool answered
            = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return answered;
    }

}

struct CtlSocket::State {
    class Client;

    State(Server& made_for, std::string where)
        : server(made_for)
        , log(server.logs().log("ctl"))
        , path(std::move(where))
    {
    }
    ~State()
    {
        clients.clear();
        if (listener)
            ::unlink(path.c_str());
    }

    Result<void> listen();
    void accept();
    void forget(const Client& client);

    Server& server;
    std::unique_ptr<Log> log;
    std::string path;
    OwnedPipe listener;
    std::list<std::shared_ptr<Client>> clients; // shared: with commands under way, weakly
};

/// One connection: reads a line, runs it, answers, reads the next.
class CtlSocket::State::Client : public std::enable_shared_from_this<Client> {
public:
    Client(State& state, OwnedPipe pipe)
        : state_(state)
        , pipe_(std::move(pipe))
    {
        pipe_->uv.data = this;
    }

    void start()
    {
        wait_for_request();
        uv_read_start(
            stream_of(pipe_->uv),
            [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
                auto& client = *static_cast<Client*>(handle->data);
                *buffer = uv_buf_init(
                    client.state_.server.main_loop().read_buffer(), KernelLoop::read_buffer_size);
            },
            [](uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
                auto& client = *static_cast<Client*>(stream->data);
                client.state_.server.main_loop().io_happened();
                client.read(count, buffer->base);
            });
    }

private:
    void read(ssize_t count, const char* bytes)
    {
        const auto keep = shared_from_this(); // a request may end this client
        if (count < 0) {
            // A client that only ended its side still hears the answers it asked for.
            has_ended_ = true;
            uv_read_stop(stream_of(pipe_->uv));
            return run_next();
        }
        if (is_refused_)
            return;
        input_.append(bytes, std::size_t(count));
        if (input_.size() > ctl::request_bytes) {
            answer(error_line({ "the request is larger than 256 KiB", Error::Kind::limit }));
            // Closing now would reset the connection, and the client would not read why. What it
            // still sends is read and dropped, until it leaves or has idled.
            is_refused_ = true;
            input_.clear();
            return;
        }
        run_next();
    }

    void run_next()
    {
        const auto end = input_.find('\n');
        if (is_busy_)
            return;
        if (end == std::string::npos) {
            if (has_ended_)
                state_.forget(*this);
            return;
        }
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 1);
        auto request = Value::parse_json(line);
        if (!request || !request->find("command"))
            return finish(Error { request ? "the request names no command"
                                          : "the request is " + request.error().text });
        is_busy_ = true;
        idle_.cancel();
        const Value* arguments = request->find("arguments");
        state_.server.commands().call(
            request->find("command")->as_string(), arguments ? *arguments : Value(),
            CommandCaller::console("ctl"),
            [self = weak_from_this()](Result<Value> result) {
                if (const auto client = self.lock())
                    client->finish(std::move(result));
            },
            LineListener { [self = weak_from_this()](std::string_view text) {
                const auto client = self.lock();
                return client && client->show(text);
            } });
    }

    /// False: nobody reads any more.
    bool show(std::string_view text)
    {
        // Who does not read misses lines, not the answer.
        if (uv_stream_get_write_queue_size(stream_of(pipe_->uv)) > most_output / 64)
            return !has_left_;
        Value line;
        line["progress"] = text;
        answer(line);
        return !has_left_;
    }

    void finish(Result<Value> result)
    {
        is_busy_ = false;
        if (result) {
            Value line;
            line["result"] = std::move(*result);
            answer(line);
        } else {
            answer(error_line(result.error()));
        }
        if (uv_stream_get_write_queue_size(stream_of(pipe_->uv)) > most_output)
            return state_.forget(*this);
        wait_for_request();
        // A turn later, so that a client that sends many requests at once does not nest them.
        state_.server.main_loop().post([self = weak_from_this()] {
            if (const auto client = self.lock())
                client->run_next();
        });
    }

    void wait_for_request()
    {
        idle_ = state_.server.main_loop().after(idle_time, [this] {
            const auto keep = shared_from_this();
            state_.forget(*this);
        });
    }

    void answer(const Value& line)
    {
        auto writing = std::make_unique<Writing>();
        writing->bytes = line.json() + '\n';
        writing->uv.data = writing.get();
        const auto buffer
            = uv_buf_init(writing->bytes.data(), static_cast<unsigned>(writing->bytes.size()));
        // What fits the socket leaves at once: `stop` must be answered before the loop ends.
        const int written = uv_try_write(stream_of(pipe_->uv), &buffer, 1);
        has_left_ = has_left_ || (written < 0 && written != UV_EAGAIN);
        if (written == static_cast<int>(writing->bytes.size()))
            return;
        if (written > 0)
            writing->bytes.erase(0, std::size_t(written));
        const auto rest
            = uv_buf_init(writing->bytes.data(), static_cast<unsigned>(writing->bytes.size()));
        const int failure = uv_write(&writing->uv, stream_of(pipe_->uv), &rest, 1,
            [](uv_write_t* write, int) { delete static_cast<Writing*>(write->data); });
        if (failure == 0)
            writing.release(); // the callback above owns it now
    }

    State& state_;
    OwnedPipe pipe_;
    std::string input_;
    bool is_busy_ = false;
    bool has_ended_ = false;
    bool is_refused_ = false;
    bool has_left_ = false;
    Timer idle_;
};

Result<void> CtlSocket::State::listen()
{
    sockaddr_un address {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return Error { "server.ctl_socket: " + path + " is longer than the "
            + std::to_string(sizeof address.sun_path - 1)
            + " bytes that a socket's path may have" };
    std::memcpy(address.sun_path, path.data(), path.size());
    if (is_answered(address))
        return Error { "another nunciod answers at " + path
                + "; stop it, or set another server.ctl_socket",
            Error::Kind::conflict };
    ::unlink(path.c_str());

    listener.reset(new Pipe);
    if (const int failure = uv_pipe_init(server.main_loop().uv(), &listener->uv, 0)) {
        delete listener.release(); // libuv does not know it
        return Error { std::string("the control socket: ") + uv_strerror(failure) };
    }
    listener->uv.data = this;
    const auto error = [&](const char* what, int failure) {
        return Error { std::string("cannot ") + what + " the control socket " + path + ": "
            + uv_strerror(failure) + "; its folder must exist and be writable" };
    };
    const mode_t before = ::umask(0177); // never open to others, not even for a moment
    const int failure = uv_pipe_bind(&listener->uv, path.c_str());
    ::umask(before);
    if (failure)
        return error("make", failure);
    const int listening
        = uv_listen(stream_of(listener->uv), backlog, [](uv_stream_t* stream, int status) {
              auto& state = *static_cast<State*>(stream->data);
              state.server.main_loop().io_happened();
              if (status == 0)
                  state.accept();
          });
    if (listening)
        return error("listen on", listening);
    return {};
}

void CtlSocket::State::accept()
{
    OwnedPipe pipe(new Pipe);
    if (uv_pipe_init(server.main_loop().uv(), &pipe->uv, 0) != 0) {
        delete pipe.release();
        return;
    }
    if (uv_accept(stream_of(listener->uv), stream_of(pipe->uv)) != 0)
        return;
    uv_os_fd_t fd = -1;
    ucred peer {};
    socklen_t size = sizeof peer;
    const bool is_known = uv_fileno(handle_of(pipe->uv), &fd) == 0
        && ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    if (!is_known || (peer.uid != ::geteuid() && peer.uid != 0)) {
        log->warn("refused a client of user {}", is_known ? std::int64_t(peer.uid) : -1);
        return;
    }
    if (clients.size() >= most_clients) {
        log->warn("refused a client: {} are connected already", clients.size());
        return;
    }
    clients.push_back(std::make_shared<Client>(*this, std::move(pipe)));
    clients.back()->start();
}

void CtlSocket::State::forget(const Client& client)
{
    std::erase_if(clients, [&](const auto& other) { return other.get() == &client; });
}

CtlSocket::CtlSocket() = default;
CtlSocket::~CtlSocket() = default;

Result<std::unique_ptr<CtlSocket>> CtlSocket::create(Server& server, const std::string& path)
{
    std::unique_ptr<CtlSocket> made(new CtlSocket);
    made->state_ = std::make_unique<State>(server, path);
    if (auto listening = made->state_->listen(); !listening)
        return listening.error();
    return made;
}

}
