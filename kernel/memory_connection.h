// A connection without a socket, for servers that tests run inside themselves.
#pragma once

#include "connection.h"
#include "layer_stack.h"
#include "loop.h"

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::kernel {

class MemoryConnection;

/// The client's end of the wire. It outlives the connection or not, as it likes. Everything here
/// and in MemoryConnection belongs to one thread, on which all loops take turns.
class MemoryPeer {
public:
    MemoryPeer();
    ~MemoryPeer();
    MemoryPeer(MemoryPeer&&) noexcept;
    MemoryPeer& operator=(MemoryPeer&&) noexcept;

    struct Options {
        std::string address = "192.0.2.1";
        std::optional<TlsInfo> tls {}; ///< what the connection claims from the start
        TlsInfo tls_after_start { "TLSv1.3", "TLS_AES_256_GCM_SHA384", {}, {} };
        std::string exporter {}; ///< channel bindings, once encrypted
        std::string end_point {};
        std::optional<ClientCertificate> certificate {}; ///< of the client, for every host
    };
    /// The server's end, on `loop`.
    std::unique_ptr<MemoryConnection> connect(KernelLoop& loop, Options options);

    /// Arrives in the next turn of the connection's loop, in as many pieces as there were calls.
    void send(std::string_view bytes);
    /// The client's half is closed; like a socket, what was sent before arrives first.
    void hang_up();
    /// What was written since the last call.
    std::string take();
    /// The server closed its half, or the connection is gone.
    bool is_closed() const;
    /// The client reads no more than `bytes` from now on; the rest becomes the connection's
    /// backlog.
    void accept_only(std::size_t bytes);
    void accept_everything() { accept_only(std::numeric_limits<std::size_t>::max()); }

private:
    friend class MemoryConnection;
    struct Wire;
    std::shared_ptr<Wire> wire_; // shared: the two ends go away in any order
};

class MemoryConnection final : public Connection, private TurnEnd {
public:
    ~MemoryConnection() override;

    void set_user(ConnectionUser* user) override;
    std::string& output() override { return plain_; }
    void flush_later() override { loop_->queue_turn_end(*this); }
    std::size_t backlog() const override;
    void set_marks(std::size_t low, std::size_t high) override;
    void pause_reading() override { paused_ = true; }
    void resume_reading() override;
    void set_read_rate(std::uint64_t) override { } // its peer is a test, which sends when it likes
    /// Encrypts nothing, so that a conversation stays readable; says in the next turn that it does.
    Result<void> start_tls(std::shared_ptr<TlsContext> context, const TlsStart& how) override;
    bool is_encrypted() const override { return encrypted_; }
    const TlsInfo* tls() const override { return encrypted_ ? &tls_ : nullptr; }
    bool has_channel_binding(ChannelBinding type) const override;
    std::string channel_binding(ChannelBinding type) const override;
    std::optional<ClientCertificate> client_certificate(std::string_view domain) const override;
    void push_layer(std::unique_ptr<StreamLayer> layer) override;
    void close(Duration linger) override;
    void move_to(KernelLoop& target, Function<void()> arrived) override;
    KernelLoop& loop() override { return *loop_; }
    std::string_view address() const override { return options_.address; }

private:
    friend class MemoryPeer;
    MemoryConnection(
        KernelLoop& loop, std::shared_ptr<MemoryPeer::Wire> wire, MemoryPeer::Options options);

    void at_turn_end() override;
    void wake();
    void on_wire();
    void receive(std::string_view bytes);
    void flush();
    void fail(std::string reason);
    void finish();

    KernelLoop* loop_;
    std::shared_ptr<MemoryPeer::Wire> wire_;
    MemoryPeer::Options options_;
    ConnectionUser* user_ = nullptr;
    std::string plain_;
    std::string encoded_; ///< not yet accepted by the peer
    LayerStack layers_;
    TlsInfo tls_;
    bool encrypted_ = false;
    bool paused_ = false;
    bool moving_ = false;
    bool closing_ = false;
    bool failed_ = false;
    bool ended_ = false;
    bool above_high_ = false;
    std::string reason_;
    Timer linger_;
    std::size_t low_ = 0;
    std::size_t high_ = std::numeric_limits<std::size_t>::max();
    KernelLoop* target_ = nullptr;
    Function<void()> arrived_;
};

}
