#include "connection.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nuncio::bench {

namespace {

    // XEP-0368: the protocol name of a client stream that starts with TLS.
    constexpr std::array<unsigned char, 12> alpn { 11, 'x', 'm', 'p', 'p', '-', 'c', 'l', 'i', 'e',
        'n', 't' };

    std::string tls_error()
    {
        std::array<char, 256> text {};
        ERR_error_string_n(ERR_get_error(), text.data(), text.size());
        return text.data();
    }

}

Connection::Connection(Engine& engine, Events& events)
    : engine_(engine)
    , events_(events)
    , tls_(nullptr, &SSL_free)
{
}

Connection::~Connection()
{
    close();
}

void Connection::connect(const std::string& address, std::uint16_t port)
{
    close();
    sockaddr_in to {};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1)
        throw SetupError("not an IPv4 address: " + address);
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0)
        throw SetupError(std::string("socket: ") + std::strerror(errno));
    const int on = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    state_ = State::connecting;
    wants_write_ = true;
    epoll_event event { .events = EPOLLIN | EPOLLOUT, .data = { .ptr = this } };
    epoll_ctl(engine_.epoll(), EPOLL_CTL_ADD, descriptor_, &event);
    if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0
        && errno != EINPROGRESS)
        fail(std::string("connect: ") + std::strerror(errno));
}

void Connection::secure(const std::string& server_name, bool with_alpn)
{
    tls_.reset(SSL_new(engine_.tls()));
    SSL_set_fd(tls_.get(), descriptor_);
    SSL_set_tlsext_host_name(tls_.get(), server_name.c_str());
    if (with_alpn)
        SSL_set_alpn_protos(tls_.get(), alpn.data(), alpn.size());
    SSL_set_connect_state(tls_.get());
    state_ = State::handshaking;
    handshake();
}

void Connection::write(std::string_view bytes)
{
    if (!is_open())
        return;
    out_.append(bytes);
    if (!is_dirty_) {
        is_dirty_ = true;
        engine_.flush_later(*this);
    }
}

void Connection::shut_down()
{
    if (!is_open())
        return;
    if (tls_ && state_ == State::open)
        SSL_shutdown(tls_.get());
    ::shutdown(descriptor_, SHUT_WR);
}

void Connection::close()
{
    if (!is_open())
        return;
    ::close(descriptor_);
    descriptor_ = -1;
    tls_.reset();
    out_.clear();
    sent_ = 0;
    partial_.clear();
}

void Connection::on_events(std::uint32_t events)
{
    // An event of the same round may have been for the descriptor that this one had before.
    if (!is_open())
        return;
    if (state_ == State::connecting) {
        finish_connect();
        return;
    }
    if (state_ == State::handshaking) {
        handshake();
        return;
    }
    if ((events & EPOLLOUT) != 0)
        flush();
    if (is_open() && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read();
}

void Connection::finish_connect()
{
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        fail(std::string("connect: ") + std::strerror(error));
        return;
    }
    state_ = State::open;
    want_write(false);
    events_.on_connected();
}

void Connection::handshake()
{
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_.get());
    if (result == 1) {
        state_ = State::open;
        want_write(false);
        events_.on_secured();
        return;
    }
    const int reason = SSL_get_error(tls_.get(), result);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        want_write(reason == SSL_ERROR_WANT_WRITE);
    else
        fail("TLS handshake: " + tls_error());
}

void Connection::read()
{
    auto& buffer = engine_.read_buffer();
    engine_.heard();
    do {
        const auto have = partial_.size();
        if (have == buffer.size()) {
            fail("a stanza does not fit the load generator's buffer");
            return;
        }
        std::copy(partial_.begin(), partial_.end(), buffer.begin());
        const auto got = receive(buffer.data() + have, buffer.size() - have);
        if (got < 0)
            return;
        if (got == 0) {
            fail("closed by the server");
            return;
        }
        deliver({ buffer.data(), have + static_cast<std::size_t>(got) });
        // What OpenSSL has read ahead, epoll won't report.
    } while (is_open() && tls_ && state_ == State::open && SSL_has_pending(tls_.get()) != 0);
}

std::ptrdiff_t Connection::receive(char* into, std::size_t room)
{
    if (!tls_) {
        const auto got = ::recv(descriptor_, into, room, 0);
        return got < 0 && errno != EAGAIN && errno != EINTR ? 0 : got;
    }
    ERR_clear_error();
    const int got = SSL_read(tls_.get(), into, static_cast<int>(room));
    if (got > 0)
        return got;
    return SSL_get_error(tls_.get(), got) == SSL_ERROR_WANT_READ ? -1 : 0;
}

void Connection::deliver(std::string_view input)
{
    while (!input.empty()) {
        const auto item = scan(input);
        input.remove_prefix(item.consumed);
        if (item.kind == ItemKind::incomplete)
            break;
        events_.on_item(item);
        if (!is_open())
            return;
    }
    partial_.assign(input.begin(), input.end());
}

void Connection::flush()
{
    is_dirty_ = false;
    if (!is_open() || state_ != State::open || out_.empty())
        return;
    while (sent_ < out_.size()) {
        const auto sent = send(std::string_view(out_).substr(sent_));
        if (sent < 0) {
            want_write(true);
            return;
        }
        if (sent == 0) {
            fail("cannot write: closed by the server");
            return;
        }
        sent_ += static_cast<std::size_t>(sent);
    }
    out_.clear();
    sent_ = 0;
    want_write(false);
}

std::ptrdiff_t Connection::send(std::string_view bytes)
{
    if (!tls_) {
        const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return sent < 0 && errno != EAGAIN && errno != EINTR ? 0 : sent;
    }
    ERR_clear_error();
    const int sent = SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (sent > 0)
        return sent;
    const int reason = SSL_get_error(tls_.get(), sent);
    return reason == SSL_ERROR_WANT_WRITE || reason == SSL_ERROR_WANT_READ ? -1 : 0;
}

void Connection::fail(std::string_view why)
{
    close();
    events_.on_closed(why);
}

void Connection::want_write(bool wanted)
{
    if (wanted == wants_write_ || !is_open())
        return;
    wants_write_ = wanted;
    epoll_event event { .events = EPOLLIN, .data = { .ptr = this } };
    if (wanted)
        event.events |= EPOLLOUT;
    epoll_ctl(engine_.epoll(), EPOLL_CTL_MOD, descriptor_, &event);
}

}
