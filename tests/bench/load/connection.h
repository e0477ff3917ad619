// A client's TCP connection, with TLS or without.
#pragma once

#include "engine.h"
#include "scanner.h"

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::bench {

class Connection final {
public:
    class Events {
    public:
        virtual ~Events() = default;
        virtual void on_connected() = 0;
        virtual void on_secured() = 0;
        virtual void on_item(const Item& item) = 0;
        virtual void on_closed(std::string_view why) = 0; // The peer's doing or an error.
    };

    Connection(Engine& engine, Events& events);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    bool is_open() const { return descriptor_ >= 0; }

    void connect(const std::string& address, std::uint16_t port);
    void secure(const std::string& server_name, bool with_alpn);

    // Goes out at the end of the engine's round.
    void write(std::string_view bytes);

    // Sends TLS's close_notify if the handshake is over; the peer closes then.
    void shut_down();
    void close();

    // For Engine.
    void on_events(std::uint32_t events);
    void flush();

private:
    enum class State { connecting, handshaking, open };

    void read();
    std::ptrdiff_t receive(char* into, std::size_t room);
    std::ptrdiff_t send(std::string_view bytes);
    void deliver(std::string_view input);
    void handshake();
    void finish_connect();
    void fail(std::string_view why);
    void want_write(bool wanted);

    Engine& engine_;
    Events& events_;
    int descriptor_ = -1;
    State state_ = State::connecting;
    bool wants_write_ = false;
    bool is_dirty_ = false;
    std::unique_ptr<SSL, decltype(&SSL_free)> tls_;
    std::string out_;
    std::size_t sent_ = 0;
    std::vector<char> partial_; // The beginning of a stanza whose end has not come yet.
};

}
