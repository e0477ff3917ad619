#include "listener.h"

#include "loop.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

namespace nuncio::kernel {

namespace {

    // Running streams get their turn between two batches.
    constexpr int accept_batch = 64;
    constexpr Duration pause = 100ms;

    struct Address {
        sockaddr_storage storage {};
        socklen_t size = 0;
        int family() const { return storage.ss_family; }
        sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
    };

    Result<Address> parse_address(const std::string& text, std::uint16_t port)
    {
        Address address;
        auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
        if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = htons(port);
            address.size = sizeof *v4;
            return address;
        }
        auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
        if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons(port);
            address.size = sizeof *v6;
            return address;
        }
        return Error { "listen: '" + text
            + "' is no address; expected IPv4 or IPv6, as in \"::\"" };
    }

    std::uint16_t port_of(const Address& address)
    {
        return ntohs(address.family() == AF_INET6
                ? reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port
                : reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
    }

    std::string text_of(const Address& address)
    {
        char text[INET6_ADDRSTRLEN] = "";
        if (address.family() == AF_INET) {
            const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
            inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        } else if (address.family() == AF_INET6) {
            const auto& bytes = reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr;
            if (IN6_IS_ADDR_V4MAPPED(&bytes))
                inet_ntop(AF_INET, bytes.s6_addr + 12, text, sizeof text);
            else
                inet_ntop(AF_INET6, &bytes, text, sizeof text);
        } else {
            return "unix";
        }
        return text;
    }

    Error listen_error(const std::string& address, std::uint16_t port)
    {
        const auto kind = errno == EADDRINUSE ? Error::Kind::conflict
            : errno == EACCES                 ? Error::Kind::refused
                                              : Error::Kind::invalid;
        return { "listen: cannot listen on " + address + " port " + std::to_string(port) + ": "
                + std::strerror(errno),
            kind };
    }

    struct Socket {
        int fd = -1;
        ~Socket()
        {
            if (fd >= 0)
                ::close(fd);
        }
    };

    bool has_ipv6()
    {
        const Socket probe { ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) };
        return probe.fd >= 0 || errno != EAFNOSUPPORT;
    }

    bool is_short_of_descriptors(int code)
    {
        return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
    }

    int open_spare()
    {
        return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    }

}

std::string peer_address(int fd)
{
    Address address;
    address.size = sizeof address.storage;
    if (getpeername(fd, address.raw(), &address.size) != 0)
        return "unix";
    return text_of(address);
}

struct Listener::State {
    explicit State(KernelLoop& on)
        : loop(on)
    {
    }
    ~State()
    {
        for (auto* door : doors)
            uv_close(reinterpret_cast<uv_handle_t*>(&door->poll),
                [](uv_handle_t* handle) { delete static_cast<Door*>(handle->data); });
        if (spare >= 0)
            ::close(spare);
    }

    /// One socket. Owns itself, as libuv lets go of it in a later turn; the socket closes at once.
    struct Door {
        uv_poll_t poll {};
        State* state = nullptr;
        int fd = -1;
    };

    Result<void> add(const std::string& address, std::uint16_t wanted, bool v6_only);
    Result<void> watch(int fd);
    void watch_all();
    void accept_some(Door& door);
    void refuse_one(Door& door);
    void rest(int code);

    KernelLoop& loop;
    Handlers handlers;
    std::vector<Door*> doors;
    std::uint16_t port = 0;
    int spare = open_spare(); ///< given up for a moment to turn away a peer when there is no other
    Timer resting;
};

Result<void> Listener::State::add(const std::string& text, std::uint16_t wanted, bool v6_only)
{
    auto address = parse_address(text, wanted);
    if (!address)
        return address.error();
    Socket socket;
    socket.fd = ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket.fd < 0)
        return listen_error(text, wanted);
    const int on = 1;
    setsockopt(socket.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->family() == AF_INET6) {
        const int only = v6_only;
        setsockopt(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    if (::bind(socket.fd, address->raw(), address->size) != 0
        || ::listen(socket.fd, SOMAXCONN) != 0)
        return listen_error(text, wanted);
    if (getsockname(socket.fd, address->raw(), &address->size) != 0)
        return listen_error(text, wanted);
    port = port_of(*address);
    if (const auto watched = watch(socket.fd); !watched)
        return watched;
    socket.fd = -1;
    return {};
}

Result<void> Listener::State::watch(int fd)
{
    auto door = std::make_unique<Door>();
    if (const auto failed = uv_poll_init(loop.uv(), &door->poll, fd); failed)
        return Error { std::string("listen: ") + uv_strerror(failed), Error::Kind::internal };
    door->poll.data = door.get();
    door->state = this;
    door->fd = fd;
    doors.push_back(door.release());
    return {};
}

void Listener::State::watch_all()
{
    for (auto* door : doors)
        uv_poll_start(&door->poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
            auto* const ready = static_cast<Door*>(handle->data);
            ready->state->loop.io_happened();
            ready->state->accept_some(*ready);
        });
}

void Listener::State::accept_some(Door& door)
{
    for (int i = 0; i < accept_batch; ++i) {
        Address peer;
        peer.size = sizeof peer.storage;
        const auto fd = ::accept4(door.fd, peer.raw(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            handlers.accepted(fd, text_of(peer));
            continue;
        }
        const auto code = errno;
        if (code == EAGAIN)
            return;
        if (is_short_of_descriptors(code)) {
            refuse_one(door);
            rest(code);
            return;
        }
        // Everything else (ECONNABORTED, EPROTO, …) concerns that one peer.
    }
}

/// The peer at the head of the queue learns at once that it is not served.
void Listener::State::refuse_one(Door& door)
{
    if (spare < 0)
        return;
    ::close(spare);
    if (const auto refused = ::accept4(door.fd, nullptr, nullptr, SOCK_CLOEXEC); refused >= 0)
        ::close(refused);
    spare = open_spare();
}

/// A readable listener that cannot accept would be reported again and again.
void Listener::State::rest(int code)
{
    for (auto* door : doors)
        uv_poll_stop(&door->poll);
    resting = loop.after(pause, [this] {
        if (spare < 0)
            spare = open_spare();
        watch_all();
    });
    if (handlers.trouble)
        handlers.trouble(std::strerror(code));
}

Listener::Listener(KernelLoop& loop)
    : state_(std::make_unique<State>(loop))
{
}

Listener::~Listener()
{
    // The port is free when this returns; libuv's handles follow in the loop's next turn.
    for (auto* door : state_->doors) {
        uv_poll_stop(&door->poll);
        ::close(door->fd);
    }
}

Result<std::unique_ptr<Listener>> Listener::open(KernelLoop& loop,
    const std::vector<std::string>& addresses, std::uint16_t port, Handlers handlers)
{
    if (addresses.empty())
        return Error { "listen: no address is given" };
    std::unique_ptr<Listener> made(new Listener(loop));
    auto& state = *made->state_;
    state.handlers = std::move(handlers);
    const auto has_v4 = std::ranges::find(addresses, "0.0.0.0") != addresses.end();
    for (const auto& address : addresses) {
        const auto wanted = state.port ? state.port : port;
        // A machine without IPv6 still serves IPv4 where everything was asked for.
        const auto is_v4_instead = address == "::" && !has_v4 && !has_ipv6();
        const auto added = is_v4_instead ? state.add("0.0.0.0", wanted, false)
                                         : state.add(address, wanted, address != "::" || has_v4);
        if (!added)
            return added.error();
    }
    state.watch_all();
    return made;
}

std::uint16_t Listener::port() const
{
    return state_->port;
}

}
