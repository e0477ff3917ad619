// One client's byte stream: socket, TLS, pushed layers; plain bytes on the upper side.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/loop.h>
#include <nuncio/result.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::kernel {

class KernelLoop;
class TlsContext;

/// What a stream must know of the TLS under it.
struct TlsInfo {
    std::string version; ///< "TLSv1.3"
    std::string cipher;
    std::string server_name; ///< SNI, as the client sent it; may be empty
    std::string alpn; ///< "xmpp-client" or empty
};

/// RFC 5056: what ties SASL to this TLS session.
enum class ChannelBinding {
    exporter, ///< RFC 9266 tls-exporter: TLS 1.3, or 1.2 with extended master secret
    end_point, ///< RFC 5929 tls-server-end-point: unless the certificate's signature has no hash
};

/// How a server side of TLS begins.
struct TlsStart {
    bool direct = false; ///< XEP-0368: from the first byte, with ALPN xmpp-client
    std::string domain {}; ///< the stream header's `to`: the certificate when there is no SNI
};

/// Bytes in, bytes out: TLS and compression. ~50 lines each; never sees a socket.
class StreamLayer {
public:
    virtual ~StreamLayer() = default;
    /// Bytes from below: appends what they decode to, and what must be sent back (a handshake).
    virtual Result<void> decode(std::string_view wire, std::string& plain, std::string& answer) = 0;
    /// Bytes from above; appends what goes below.
    virtual Result<void> encode(std::string_view plain, std::string& wire) = 0;
};

/// The upper side: an XMPP stream. Called on the connection's loop. A callback may close, detach or
/// destroy nothing synchronously: it uses close() and move_to(), which act after the callback.
class ConnectionUser {
public:
    /// Decoded bytes; valid during the call. Not called while reading is paused, nor after close.
    virtual void on_bytes(std::string_view bytes) = 0;
    /// A TLS handshake begun by start_tls() or a direct-TLS listener has ended well.
    virtual void on_encrypted() = 0;
    /// The backlog fell below the low-water mark after it had been above the high one.
    virtual void on_drained() = 0;
    /// The end: by the peer, an error, or our own close after its last byte was written. Nothing
    /// else is called afterwards. `reason` is empty for an orderly end. Called at the end of a
    /// turn, as the last thing: here the connection may be destroyed.
    virtual void on_closed(std::string_view reason) = 0;

protected:
    ~ConnectionUser() = default;
};

/// Implemented over sockets (socket_connection.h) and, for tests, in memory (memory_connection.h).
/// Belongs to one loop at a time, and is destroyed there; not while it is on its way to another.
/// Output is collected and written once at the end of the turn.
class Connection {
public:
    virtual ~Connection() = default;

    virtual void set_user(ConnectionUser* user) = 0;

    /// Append plain bytes here, then call `flush_later()`. Valid until the turn ends.
    virtual std::string& output() = 0;
    virtual void flush_later() = 0;
    /// Bytes accepted but not yet taken by the kernel's socket buffer.
    virtual std::size_t backlog() const = 0;
    /// Marks for on_drained(), in bytes.
    virtual void set_marks(std::size_t low, std::size_t high) = 0;

    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;
    /// Shaper: at most this many bytes per second are read, with one second's burst; 0: unlimited.
    virtual void set_read_rate(std::uint64_t bytes_per_second) = 0;

    /// Server side of TLS; for STARTTLS call it after `<proceed/>` was appended. Bytes already
    /// received but not yet consumed are thrown away by the caller (RFC 6120 §5.4.3.3,
    /// CVE-2011-0411). What is appended before the handshake ended is written after it.
    virtual Result<void> start_tls(std::shared_ptr<TlsContext> context, const TlsStart& how) = 0;
    virtual bool is_encrypted() const = 0;
    virtual const TlsInfo* tls() const = 0;
    virtual bool has_channel_binding(ChannelBinding type) const = 0;
    /// Its data, computed now; empty when not available.
    virtual std::string channel_binding(ChannelBinding type) const = 0;

    /// What the client has shown to TLS, as the host of that domain judges it; nothing when it
    /// showed nothing, or the host does not ask.
    virtual std::optional<ClientCertificate> client_certificate(std::string_view domain) const = 0;

    /// On top of TLS: XEP-0138. Takes effect for bytes after this call.
    virtual void push_layer(std::unique_ptr<StreamLayer> layer) = 0;

    /// Writes what is pending, says that nothing follows, and waits for the peer's end, so that the
    /// last bytes are not lost to a reset; gives up after `linger`. With 0 it writes what the
    /// socket takes at once.
    virtual void close(Duration linger) = 0;

    /// Carries the connection to another loop: nothing is read or written meanwhile, then `arrived`
    /// runs there. Bytes received but not yet consumed are for the user to carry.
    virtual void move_to(KernelLoop& target, Function<void()> arrived) = 0;
    virtual KernelLoop& loop() = 0;

    /// Peer address without port ("192.0.2.1", "2001:db8::1").
    virtual std::string_view address() const = 0;
};

}
