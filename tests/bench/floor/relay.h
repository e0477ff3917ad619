// The least that a server can do with a message: receive it from one connection and send it to
// another.
#pragma once

#include <cstdint>
#include <string>

namespace nuncio::bench {

enum class Role {
    relay, // Connections are paired as they come; each gets what the other sends.
    sink, // What comes is thrown away: for handshakes, each connection for itself.
};

struct FloorOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
    Role role = Role::relay;
    std::string certificate; // Empty: no TLS.
    std::string key;
};

// Serves until SIGTERM or SIGINT. Throws std::runtime_error if it cannot.
void serve(const FloorOptions& options);

}
