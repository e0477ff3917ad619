#include "relay.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdexcept>
#include <string_view>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_set>
#include <vector>

namespace nuncio::bench {

namespace {

    using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

    struct Endpoint {
        int descriptor = -1;
        SSL* tls = nullptr;
        bool is_secured = false;
        Endpoint* partner = nullptr;
        std::string unsent; // What the partner did not take at once; normally nothing.
    };

    Context server_context(const FloorOptions& options)
    {
        Context context(nullptr, &SSL_CTX_free);
        if (options.certificate.empty())
            return context;
        context.reset(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
        // As a server with many sessions has it: idle connections keep no record buffers.
        SSL_CTX_set_mode(context.get(),
            SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
                | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_read_ahead(context.get(), 1);
        SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
        if (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate.c_str()) != 1
            || SSL_CTX_use_PrivateKey_file(context.get(), options.key.c_str(), SSL_FILETYPE_PEM)
                != 1)
            throw std::runtime_error("cannot use " + options.certificate + " with " + options.key);
        return context;
    }

    int listen_on(const FloorOptions& options)
    {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in at {};
        at.sin_family = AF_INET;
        at.sin_port = htons(options.port);
        if (inet_pton(AF_INET, options.address.c_str(), &at.sin_addr) != 1
            || ::bind(descriptor, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0
            || ::listen(descriptor, SOMAXCONN) != 0)
            throw std::runtime_error(
                "cannot listen on " + options.address + ":" + std::to_string(options.port));
        return descriptor;
    }

    int signals_that_end()
    {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    }

    class Relay final {
    public:
        explicit Relay(const FloorOptions& options)
            : role_(options.role)
            , context_(server_context(options))
            , listener_(listen_on(options))
            , signals_(signals_that_end())
            , epoll_(epoll_create1(EPOLL_CLOEXEC))
            , buffer_(65536)
        {
            watch(listener_, &listener_);
            watch(signals_, &signals_);
        }
        Relay(const Relay&) = delete;
        Relay& operator=(const Relay&) = delete;

        ~Relay()
        {
            for (auto* const endpoint : endpoints_)
                release(*endpoint);
            collect();
            ::close(epoll_);
            ::close(signals_);
            ::close(listener_);
        }

        void run()
        {
            std::array<epoll_event, 512> events {};
            for (;;) {
                const int count
                    = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
                for (int i = 0; i < count; ++i) {
                    const auto& event = events[static_cast<std::size_t>(i)];
                    if (event.data.ptr == &signals_)
                        return;
                    if (event.data.ptr == &listener_)
                        accept();
                    else
                        on_events(*static_cast<Endpoint*>(event.data.ptr), event.events);
                }
                collect();
            }
        }

    private:
        void watch(int descriptor, void* what)
        {
            epoll_event event { .events = EPOLLIN, .data = { .ptr = what } };
            epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
        }

        void accept()
        {
            for (;;) {
                const int descriptor
                    = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (descriptor < 0)
                    return;
                const int on = 1;
                setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                auto* const endpoint = new Endpoint { .descriptor = descriptor };
                endpoints_.insert(endpoint);
                if (context_) {
                    endpoint->tls = SSL_new(context_.get());
                    SSL_set_fd(endpoint->tls, descriptor);
                    SSL_set_accept_state(endpoint->tls);
                }
                watch(descriptor, endpoint);
                if (role_ == Role::relay)
                    pair(*endpoint);
            }
        }

        void pair(Endpoint& endpoint)
        {
            if (single_ == nullptr) {
                single_ = &endpoint;
                return;
            }
            endpoint.partner = single_;
            single_->partner = &endpoint;
            single_ = nullptr;
        }

        void on_events(Endpoint& endpoint, std::uint32_t events)
        {
            if (endpoint.descriptor < 0)
                return;
            if ((events & EPOLLOUT) != 0)
                send_rest(endpoint);
            if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
                forward(endpoint);
        }

        void forward(Endpoint& from)
        {
            if (from.tls != nullptr && !from.is_secured) {
                handshake(from);
                return;
            }
            do {
                const auto got = receive(from);
                if (got < 0)
                    return;
                if (got == 0) {
                    close_pair(from);
                    return;
                }
                if (from.partner != nullptr)
                    send(*from.partner, { buffer_.data(), static_cast<std::size_t>(got) });
            } while (from.tls != nullptr && SSL_has_pending(from.tls) != 0);
        }

        void handshake(Endpoint& endpoint)
        {
            ERR_clear_error();
            const int result = SSL_do_handshake(endpoint.tls);
            if (result == 1) {
                endpoint.is_secured = true;
                if (!endpoint.unsent.empty())
                    want_write(endpoint, EPOLLIN | EPOLLOUT);
                // The first data may have come with the last of the handshake.
                if (SSL_has_pending(endpoint.tls) != 0)
                    forward(endpoint);
                return;
            }
            if (SSL_get_error(endpoint.tls, result) != SSL_ERROR_WANT_READ)
                close_pair(endpoint);
        }

        // Bytes received, 0 for an end, -1 for nothing now.
        std::ptrdiff_t receive(Endpoint& from)
        {
            if (from.tls == nullptr) {
                const auto got = ::recv(from.descriptor, buffer_.data(), buffer_.size(), 0);
                return got < 0 && errno != EAGAIN ? 0 : got;
            }
            ERR_clear_error();
            const int got = SSL_read(from.tls, buffer_.data(), static_cast<int>(buffer_.size()));
            if (got > 0)
                return got;
            return SSL_get_error(from.tls, got) == SSL_ERROR_WANT_READ ? -1 : 0;
        }

        void send(Endpoint& to, std::string_view bytes)
        {
            // SSL_write would go on with a handshake, and nobody would look for what came behind
            // it.
            const bool is_shaking_hands = to.tls != nullptr && !to.is_secured;
            if (!to.unsent.empty() || is_shaking_hands) {
                to.unsent.append(bytes);
                return;
            }
            const auto taken = send_some(to, bytes);
            if (taken == bytes.size())
                return;
            to.unsent.assign(bytes.substr(taken));
            want_write(to, EPOLLIN | EPOLLOUT);
        }

        void send_rest(Endpoint& to)
        {
            to.unsent.erase(0, send_some(to, to.unsent));
            if (to.unsent.empty())
                want_write(to, EPOLLIN);
        }

        std::size_t send_some(Endpoint& to, std::string_view bytes)
        {
            if (to.descriptor < 0)
                return bytes.size();
            if (to.tls == nullptr) {
                const auto sent = ::send(to.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                return sent < 0 ? 0 : static_cast<std::size_t>(sent);
            }
            ERR_clear_error();
            const int sent = SSL_write(to.tls, bytes.data(), static_cast<int>(bytes.size()));
            return sent < 0 ? 0 : static_cast<std::size_t>(sent);
        }

        void want_write(Endpoint& endpoint, std::uint32_t events)
        {
            epoll_event event { .events = events, .data = { .ptr = &endpoint } };
            epoll_ctl(epoll_, EPOLL_CTL_MOD, endpoint.descriptor, &event);
        }

        void close_pair(Endpoint& endpoint)
        {
            auto* const partner = endpoint.partner;
            if (single_ == &endpoint)
                single_ = nullptr;
            release(endpoint);
            if (partner != nullptr)
                release(*partner);
        }

        // The object lives until the round's events, which may mention it, are through.
        void release(Endpoint& endpoint)
        {
            if (endpoint.descriptor < 0)
                return;
            SSL_free(endpoint.tls);
            ::close(endpoint.descriptor);
            endpoint.descriptor = -1;
            released_.push_back(&endpoint);
        }

        void collect()
        {
            for (auto* const endpoint : released_) {
                endpoints_.erase(endpoint);
                delete endpoint;
            }
            released_.clear();
        }

        Role role_;
        Context context_;
        int listener_;
        int signals_;
        int epoll_;
        std::vector<char> buffer_;
        std::unordered_set<Endpoint*> endpoints_;
        std::vector<Endpoint*> released_;
        Endpoint* single_ = nullptr;
    };

}

void serve(const FloorOptions& options)
{
    Relay(options).run();
}

}
