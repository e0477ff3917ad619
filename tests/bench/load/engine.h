// One thread, one epoll set, one read buffer for all connections, and one flush per connection and
// round.
#pragma once

#include "options.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <openssl/ssl.h>
#include <stdexcept>
#include <vector>

namespace nuncio::bench {

class Connection;

// The run cannot go on, and the text says why.
struct SetupError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Engine final {
public:
    Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine();

    // Called once a round; says when it wants to be called next at the latest (0: whenever).
    using Tick = std::function<std::uint64_t(std::uint64_t now)>;

    // Runs until `done`, which is asked once a round, or until `deadline`: then it returns false.
    bool run(std::uint64_t deadline, const std::function<bool()>& done, const Tick& tick = {});

    // Runs until nothing has been received for `quiet` or `deadline` has passed.
    void settle(std::uint64_t quiet, std::uint64_t deadline);

    // For Connection.
    int epoll() const { return epoll_; }
    SSL_CTX* tls() const { return tls_.get(); }
    std::vector<char>& read_buffer() { return read_buffer_; }
    void flush_later(Connection& connection) { dirty_.push_back(&connection); }
    void heard() { last_heard_ = 0; }

private:
    void wait(std::uint64_t now, std::uint64_t until);
    void flush();

    int epoll_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_;
    std::vector<char> read_buffer_;
    std::vector<Connection*> dirty_;
    std::vector<Connection*> flushing_;
    std::uint64_t last_heard_ = 0; // 0: in this round.
};

}
