// Listening sockets of one port: accepts on the loop it was opened on and hands descriptors on.
#pragma once

#include <nuncio/function.h>
#include <nuncio/result.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class KernelLoop;

class Listener {
public:
    struct Handlers {
        /// A non-blocking, close-on-exec descriptor to own, and the peer's address without port.
        Function<void(int fd, std::string address)> accepted;
        /// Accepting pauses for a moment because of `reason`; may be empty.
        Function<void(std::string_view reason)> trouble;
    };

    /// Listens on every one of `addresses` (numeric; "::" takes IPv4 too unless "0.0.0.0" is listed
    /// as well). Port 0 lets the system choose one for all of them. Loop with a real clock; its
    /// thread, or before it runs.
    static Result<std::unique_ptr<Listener>> open(KernelLoop& loop,
        const std::vector<std::string>& addresses, std::uint16_t port, Handlers handlers);
    /// Closes at once. Not from within a handler.
    ~Listener();

    std::uint16_t port() const;

private:
    explicit Listener(KernelLoop& loop);
    struct State;
    std::unique_ptr<State> state_;
};

/// "192.0.2.1" or "2001:db8::1"; an IPv4 peer of an IPv6 socket is named as IPv4. "unix" for a peer
/// without an address.
std::string peer_address(int fd);

}
