#include "memory_connection.h"

#include <algorithm>
#include <deque>

namespace nuncio::kernel {

struct MemoryPeer::Wire {
    std::deque<std::string> to_server;
    std::string to_client;
    std::size_t window = std::numeric_limits<std::size_t>::max();
    bool client_ended = false;
    bool server_ended = false;
    MemoryConnection* connection = nullptr;
};

MemoryPeer::MemoryPeer()
    : wire_(std::make_shared<Wire>())
{
}

MemoryPeer::~MemoryPeer() = default;
MemoryPeer::MemoryPeer(MemoryPeer&&) noexcept = default;
MemoryPeer& MemoryPeer::operator=(MemoryPeer&&) noexcept = default;

std::unique_ptr<MemoryConnection> MemoryPeer::connect(KernelLoop& loop, Options options)
{
    wire_ = std::make_shared<Wire>();
    std::unique_ptr<MemoryConnection> made(new MemoryConnection(loop, wire_, std::move(options)));
    wire_->connection = made.get();
    return made;
}

void MemoryPeer::send(std::string_view bytes)
{
    if (bytes.empty() || wire_->client_ended)
        return;
    wire_->to_server.emplace_back(bytes);
    if (wire_->connection)
        wire_->connection->wake();
}

void MemoryPeer::hang_up()
{
    wire_->client_ended = true;
    if (wire_->connection)
        wire_->connection->wake();
}

std::string MemoryPeer::take()
{
    return std::exchange(wire_->to_client, {});
}

bool MemoryPeer::is_closed() const
{
    return wire_->server_ended;
}

void MemoryPeer::accept_only(std::size_t bytes)
{
    wire_->window = bytes;
    if (wire_->connection)
        wire_->connection->wake();
}

MemoryConnection::MemoryConnection(
    KernelLoop& loop, std::shared_ptr<MemoryPeer::Wire> wire, MemoryPeer::Options options)
    : loop_(&loop)
    , wire_(std::move(wire))
    , options_(std::move(options))
{
    if (!options_.tls)
        return;
    encrypted_ = true;
    tls_ = *options_.tls;
}

MemoryConnection::~MemoryConnection()
{
    wire_->connection = nullptr;
    wire_->server_ended = true;
    loop_->forget_turn_end(*this);
}

void MemoryConnection::set_user(ConnectionUser* user)
{
    user_ = user;
    wake();
}

std::size_t MemoryConnection::backlog() const
{
    return plain_.size() + encoded_.size();
}

void MemoryConnection::set_marks(std::size_t low, std::size_t high)
{
    low_ = low;
    high_ = high;
}

void MemoryConnection::resume_reading()
{
    paused_ = false;
    wake();
}

Result<void> MemoryConnection::start_tls(
    std::shared_ptr<TlsContext>, [[maybe_unused]] const TlsStart& how)
{
    tls_ = options_.tls_after_start;
    loop_->post([wire = wire_] {
        auto* const self = wire->connection;
        if (!self || self->ended_ || self->closing_ || self->failed_)
            return;
        self->encrypted_ = true;
        if (self->user_)
            self->user_->on_encrypted();
    });
    return {};
}

bool MemoryConnection::has_channel_binding(ChannelBinding type) const
{
    return !channel_binding(type).empty();
}

std::string MemoryConnection::channel_binding(ChannelBinding type) const
{
    if (!encrypted_)
        return {};
    return type == ChannelBinding::exporter ? options_.exporter : options_.end_point;
}

std::optional<ClientCertificate> MemoryConnection::client_certificate(std::string_view) const
{
    return encrypted_ ? options_.certificate : std::nullopt;
}

void MemoryConnection::push_layer(std::unique_ptr<StreamLayer> layer)
{
    if (const auto encoded = layers_.encode(*loop_, plain_, encoded_); !encoded)
        fail(encoded.error().text);
    plain_.clear();
    layers_.push(std::move(layer));
    flush_later();
}

void MemoryConnection::close(Duration linger)
{
    if (closing_ || ended_)
        return;
    closing_ = true;
    if (linger == Duration::zero())
        failed_ = true;
    else
        linger_ = loop_->after(linger, [this] { fail("the peer did not read"); });
    flush_later();
}

void MemoryConnection::move_to(KernelLoop& target, Function<void()> arrived)
{
    moving_ = true;
    target_ = &target;
    arrived_ = std::move(arrived);
    flush_later();
}

/// The wire has news. The letter finds the connection by the wire, as it may be gone by then.
void MemoryConnection::wake()
{
    if (moving_)
        return;
    loop_->post([wire = wire_] {
        if (wire->connection)
            wire->connection->on_wire();
    });
}

void MemoryConnection::on_wire()
{
    const auto wire = wire_;
    while (user_ && !paused_ && !moving_ && !closing_ && !failed_ && !ended_
        && !wire->to_server.empty()) {
        const auto bytes = std::move(wire->to_server.front());
        wire->to_server.pop_front();
        receive(bytes);
    }
    const auto is_read = wire->to_server.empty() && !paused_;
    if (user_ && wire->client_ended && (is_read || closing_))
        closing_ = true;
    flush_later();
}

void MemoryConnection::receive(std::string_view bytes)
{
    if (layers_.is_empty()) {
        user_->on_bytes(bytes);
        return;
    }
    std::string plain;
    const auto decoded = layers_.decode(*loop_, bytes, plain, encoded_);
    if (!decoded)
        fail(decoded.error().text);
    else if (!plain.empty())
        user_->on_bytes(plain);
}

void MemoryConnection::at_turn_end()
{
    if (ended_)
        return;
    flush();
    if (moving_) {
        linger_.cancel();
        loop_ = target_;
        loop_->post([wire = wire_] {
            auto* const self = wire->connection;
            if (!self)
                return;
            self->moving_ = false;
            const auto arrived = std::move(self->arrived_);
            arrived();
            self->on_wire();
        });
        return;
    }
    if (failed_ || (closing_ && backlog() == 0)) {
        finish();
        return;
    }
    if (above_high_ && backlog() < low_) {
        above_high_ = false;
        if (user_)
            user_->on_drained();
    }
}

void MemoryConnection::flush()
{
    above_high_ = above_high_ || backlog() > high_;
    if (!plain_.empty()) {
        if (const auto encoded = layers_.encode(*loop_, plain_, encoded_); !encoded)
            fail(encoded.error().text);
        plain_.clear();
    }
    const auto taken = std::min(encoded_.size(), wire_->window);
    wire_->to_client.append(encoded_, 0, taken);
    encoded_.erase(0, taken);
    if (wire_->window != std::numeric_limits<std::size_t>::max())
        wire_->window -= taken;
}

void MemoryConnection::fail(std::string reason)
{
    if (failed_)
        return;
    failed_ = true;
    reason_ = std::move(reason);
    flush_later();
}

void MemoryConnection::finish()
{
    ended_ = true;
    linger_.cancel();
    wire_->server_ended = true;
    const auto reason = std::move(reason_);
    if (user_)
        user_->on_closed(reason);
}

}
