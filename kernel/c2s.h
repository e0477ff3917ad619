// RFC 6120: client-to-server streams: listeners, negotiation, binding, and their end.
#pragma once

#include "settings.h"

#include <nuncio/function.h>
#include <nuncio/result.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

class Server;
class Connection;
class KernelLoop;
class TlsContext;
class VirtualHost;

/// Main thread, but for `adopt`.
class C2sManager {
public:
    explicit C2sManager(Server& server);
    ~C2sManager();

    /// Opens listeners that are new in `listen`. Nothing else changes before the answer is called,
    /// which closes those that are gone; streams stay. Dropped, it closes what was opened.
    Result<Function<void()>> prepare_listen(std::vector<ListenSettings> listen);
    /// Both at once.
    Result<void> listen(std::vector<ListenSettings> listen);
    /// The port of each listener as the system chose it, in the order of the settings.
    std::vector<std::uint16_t> ports() const;
    /// New handshakes use these certificates. Any loop sees them from its next turn on.
    void set_tls(std::shared_ptr<TlsContext> context);

    /// A connection that came in some other way (tests): starts a stream on `connection.loop()`.
    void adopt(std::unique_ptr<Connection> connection, const ListenSettings& listen);

    /// On `loop`, which is the calling one: ends the streams of a host with `host-gone`, and those
    /// that still arrive once the host is leaving.
    void end_streams_of(VirtualHost& host, KernelLoop& loop);

    /// Stops accepting, ends every stream with `system-shutdown`, waits for their last bytes
    /// (bounded).
    void shut_down(std::function<void()> done);

    std::uint64_t open_streams() const;

    /// Since the start, over all loops. Any thread.
    struct Counters {
        std::uint64_t open_streams = 0;
        std::uint64_t bytes_in = 0; ///< plain, above TLS
        std::uint64_t bytes_out = 0;
        std::uint64_t stanzas_in = 0;
        std::uint64_t stanzas_out = 0;
    };
    Counters counters() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}
