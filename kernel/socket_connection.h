// A connection over a non-blocking socket.
#pragma once

#include "connection.h"
#include "layer_stack.h"
#include "loop.h"

#include <memory>
#include <string>
#include <string_view>

namespace nuncio::kernel {

class TlsLayer;

/// One recv per readiness into the loop's read buffer, one send at the end of a turn. While nothing
/// is pending it holds no buffer. libuv only says when the socket is ready, so that the descriptor
/// can change loops.
class SocketConnection final : public Connection, private TurnEnd, private Patient {
public:
    /// Takes `fd`. On the thread of `loop`, which has a real clock. Reads once there is a user.
    SocketConnection(KernelLoop& loop, int fd, std::string address);
    ~SocketConnection() override;

    void set_user(ConnectionUser* user) override;
    std::string& output() override;
    void flush_later() override { loop_->queue_turn_end(*this); }
    std::size_t backlog() const override { return plain_.size() + wire_.size() - written_; }
    void set_marks(std::size_t low, std::size_t high) override;
    void pause_reading() override;
    void resume_reading() override;
    void set_read_rate(std::uint64_t bytes_per_second) override;
    Result<void> start_tls(std::shared_ptr<TlsContext> context, const TlsStart& how) override;
    bool is_encrypted() const override;
    const TlsInfo* tls() const override;
    bool has_channel_binding(ChannelBinding type) const override;
    std::string channel_binding(ChannelBinding type) const override;
    std::optional<ClientCertificate> client_certificate(std::string_view domain) const override;
    void push_layer(std::unique_ptr<StreamLayer> layer) override;
    void close(Duration linger) override;
    void move_to(KernelLoop& target, Function<void()> arrived) override;
    KernelLoop& loop() override { return *loop_; }
    std::string_view address() const override { return address_; }

private:
    struct Watcher;
    struct MoveMail;
    /// What only some connections need, and those for a short time.
    struct Shaper {
        std::uint64_t rate = 0;
        std::uint64_t tokens = 0;
        TimePoint filled;
        Timer timer;
        bool is_empty = false;
    };
    struct Ending {
        Duration linger {};
        Timer timer {};
        std::string reason {};
    };
    struct Move {
        KernelLoop* target = nullptr;
        Function<void()> arrived;
        void* plugin = nullptr;
    };
    enum class State : std::uint8_t {
        open,
        closing, ///< writes what is pending, discards what comes
        half_closed, ///< wrote all; waits for the peer's end
        failed, ///< ends with this turn
        ended,
    };

    // Reading
    void on_ready(int status, int events);
    void wait_for_handshake();
    void at_last() override;
    void read_once();
    void receive(std::string_view bytes);
    void deliver(std::string_view plain);
    bool may_read() const;
    std::size_t read_allowance();

    // Writing
    void at_turn_end() override;
    void flush();
    void encode_pending();
    void send_pending();

    // The end
    void peer_ended();
    void fail(std::string reason);
    void settle_end();
    Ending& ending();
    void start_linger();
    void finish();

    // The socket and its loop
    void watch();
    void stop_watching();
    void update_interest();
    void begin_move();
    void arrive();

    KernelLoop* loop_;
    ConnectionUser* user_ = nullptr;
    Watcher* watcher_ = nullptr; ///< owns itself: libuv lets go of it in a later turn
    TlsLayer* tls_ = nullptr; ///< owned by layers_
    int fd_;
    int interest_ = 0;
    State state_ = State::open;
    bool paused_ = false;
    bool waits_ = false; ///< what it has to read is dear, and others come first
    bool blocked_ = false; ///< the socket takes nothing now
    bool peer_ended_ = false;
    bool encrypted_ = false;
    bool above_high_ = false;
    std::string
        plain_; ///< appended in this turn, or held until the handshake or the socket is ready
    std::string wire_; ///< encoded; written up to written_
    std::size_t written_ = 0;
    std::size_t low_ = 0;
    std::size_t high_ = static_cast<std::size_t>(-1);
    LayerStack layers_;
    std::string address_;
    std::unique_ptr<std::string> held_; ///< decoded, but on_encrypted paused reading
    std::unique_ptr<Ending> ending_; ///< once it is closing, or has failed
    std::unique_ptr<Shaper> shaper_;
    std::unique_ptr<Move> move_;
};

}
