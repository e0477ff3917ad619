#include "socket_connection.h"

#include "tls.h"
#include "tls_layer.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

namespace nuncio::kernel {

namespace {

    // A peer that ended may still read the answers to its last stanzas.
    constexpr Duration linger_after_peer = 5s;
    // The end of a handshake and what the stream says to it leave in one piece.
    constexpr std::size_t joined_answer = 16 * 1024;
    // A shaped connection is read ten times a second: smooth enough, and cheap.
    constexpr std::uint64_t shaper_steps = 10;

    std::string system_error(int code)
    {
        return code == ECONNRESET ? "connection reset by peer" : std::strerror(code);
    }

    int take_socket_error(int fd)
    {
        int code = 0;
        socklen_t size = sizeof code;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
        return code;
    }

}

struct SocketConnection::Watcher {
    uv_poll_t poll {};
    SocketConnection* owner = nullptr;

    static void on_ready(uv_poll_t* handle, int status, int events)
    {
        auto* const owner = static_cast<Watcher*>(handle->data)->owner;
        KernelLoop& loop = *owner->loop_;
        loop.io_happened();
        owner->on_ready(status, events); // the owner may be gone now, or live on another loop
        loop.io_handled();
    }
};

struct SocketConnection::MoveMail final : Mail {
    explicit MoveMail(SocketConnection& moved)
        : connection(moved)
    {
    }
    void deliver() override { connection.arrive(); }
    SocketConnection& connection;
};

SocketConnection::SocketConnection(KernelLoop& loop, int fd, std::string address)
    : loop_(&loop)
    , fd_(fd)
    , address_(std::move(address))
{
    // What a turn writes is sent at once: Nagle's algorithm would hold it for the last one's ACK.
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // fails harmlessly on a socketpair
    watch();
}

SocketConnection::~SocketConnection()
{
    loop_->forget_turn_end(*this);
    loop_->forget_patient(*this);
    stop_watching();
    if (fd_ >= 0)
        ::close(fd_);
}

void SocketConnection::set_user(ConnectionUser* user)
{
    user_ = user;
    update_interest();
}

std::string& SocketConnection::output()
{
    if (plain_.empty() && plain_.capacity() < sizeof plain_)
        plain_ = loop_->take_buffer();
    return plain_;
}

void SocketConnection::set_marks(std::size_t low, std::size_t high)
{
    low_ = low;
    high_ = high;
}

// Reading

void SocketConnection::pause_reading()
{
    paused_ = true;
    flush_later();
}

void SocketConnection::resume_reading()
{
    paused_ = false;
    flush_later();
}

void SocketConnection::set_read_rate(std::uint64_t bytes_per_second)
{
    shaper_.reset();
    if (bytes_per_second > 0) {
        shaper_ = std::make_unique<Shaper>();
        shaper_->rate = bytes_per_second;
        shaper_->tokens = bytes_per_second;
        shaper_->filled = loop_->now();
    }
    flush_later();
}

/// How much the shaper lets through now; 0 once it has set its timer.
std::size_t SocketConnection::read_allowance()
{
    if (!shaper_)
        return KernelLoop::read_buffer_size;
    auto& shaper = *shaper_;
    using seconds = std::chrono::duration<double>;
    const auto now = loop_->now();
    const auto gained = seconds(now - shaper.filled).count() * static_cast<double>(shaper.rate);
    // A fraction of a token is not lost: time is only used up by whole ones.
    if (gained >= 1) {
        const auto most = static_cast<double>(shaper.rate - shaper.tokens);
        shaper.tokens += static_cast<std::uint64_t>(std::min(gained, most));
        shaper.filled = now;
    }
    if (shaper.tokens > 0)
        return std::min<std::size_t>(shaper.tokens, KernelLoop::read_buffer_size);
    const AsKernel as_kernel;
    const auto step = std::max<std::uint64_t>(shaper.rate / shaper_steps, 1);
    shaper.is_empty = true;
    shaper.timer = loop_->after(std::chrono::duration_cast<Duration>(seconds(
                                    static_cast<double>(step) / static_cast<double>(shaper.rate))),
        [this] {
            shaper_->is_empty = false;
            update_interest();
        });
    return 0;
}

void SocketConnection::on_ready(int status, int events)
{
    if (status < 0) {
        // libuv has stopped watching. What arrived before the error is still there to be read.
        interest_ = 0;
        if (may_read())
            read_once();
        const auto code = take_socket_error(fd_);
        fail(system_error(code ? code : ECONNRESET));
        return;
    }
    if (events & UV_WRITABLE) {
        blocked_ = false;
        flush_later();
    }
    if (!(events & UV_READABLE) || !may_read())
        return;
    if (tls_ && !tls_->is_done() && !loop_->has_time_for_one())
        wait_for_handshake();
    else
        read_once();
}

/// A handshake takes the processor as long as a hundred messages. When many come at once, those who
/// chat shall not wait for all of them.
void SocketConnection::wait_for_handshake()
{
    waits_ = true;
    update_interest();
    loop_->queue_patient(*this);
}

void SocketConnection::at_last()
{
    waits_ = false;
    flush_later(); // and watch again
    if (may_read())
        read_once();
}

bool SocketConnection::may_read() const
{
    if (!user_ || peer_ended_ || move_ || waits_)
        return false;
    if (state_ == State::closing || state_ == State::half_closed)
        return true;
    return state_ == State::open && !paused_ && !held_ && !(shaper_ && shaper_->is_empty);
}

void SocketConnection::read_once()
{
    const auto allowance = read_allowance();
    if (allowance == 0) {
        update_interest();
        return;
    }
    auto* const buffer = loop_->read_buffer();
    const auto count = ::recv(fd_, buffer, allowance, MSG_DONTWAIT);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail(system_error(errno));
        return;
    }
    if (count == 0) {
        peer_ended();
        return;
    }
    const auto size = static_cast<std::size_t>(count);
    if (shaper_)
        shaper_->tokens -= size;
    if (state_ == State::open)
        receive({ buffer, size });
}

void SocketConnection::receive(std::string_view bytes)
{
    if (layers_.is_empty()) {
        user_->on_bytes(bytes);
        return;
    }
    auto plain = loop_->take_buffer();
    auto answer = loop_->take_buffer();
    const auto decoded = layers_.decode(*loop_, bytes, plain, answer);
    if (!answer.empty()) {
        wire_.append(answer);
        flush_later();
    }
    loop_->give_buffer(std::move(answer));
    if (!decoded) {
        fail(decoded.error().text);
    } else {
        deliver(plain);
        if (tls_ && tls_->has_peer_ended())
            peer_ended();
    }
    loop_->give_buffer(std::move(plain));
}

void SocketConnection::deliver(std::string_view plain)
{
    if (tls_ && tls_->is_done() && !encrypted_) {
        encrypted_ = true;
        flush_later();
        user_->on_encrypted();
    }
    if (plain.empty() || state_ != State::open)
        return;
    if (paused_ || move_ || !user_)
        (held_ ? held_ : held_ = std::make_unique<std::string>())->append(plain);
    else
        user_->on_bytes(plain);
}

// Writing

void SocketConnection::at_turn_end()
{
    if (state_ == State::ended)
        return;
    if (const auto held = std::move(held_))
        deliver(*held);
    above_high_ = above_high_ || backlog() > high_;
    flush();
    if (move_) {
        begin_move();
        return;
    }
    settle_end();
    if (state_ == State::ended) {
        finish();
        return;
    }
    update_interest();
    if (above_high_ && backlog() < low_ && state_ == State::open) {
        above_high_ = false;
        if (user_)
            user_->on_drained();
    }
}

void SocketConnection::flush()
{
    if (blocked_)
        return;
    if (written_ > 0 || wire_.size() > joined_answer)
        send_pending();
    // What follows is encoded only when the socket has taken what was before: records are as long
    // as they can be, and a slow reader's backlog is kept once.
    if (!blocked_) {
        if (!plain_.empty())
            encode_pending();
        if (state_ == State::closing && tls_) {
            plain_.clear(); // there is some only before the handshake ended: nobody can read it
            tls_->say_end(wire_);
        }
        send_pending();
    }
    if (plain_.empty())
        loop_->give_buffer(std::move(plain_));
}

void SocketConnection::encode_pending()
{
    if (tls_ && !tls_->is_done())
        return;
    if (layers_.is_empty() && wire_.empty()) {
        std::swap(plain_, wire_);
        return;
    }
    if (wire_.empty() && wire_.capacity() < sizeof wire_)
        wire_ = loop_->take_buffer();
    if (const auto encoded = layers_.encode(*loop_, plain_, wire_); !encoded)
        fail(encoded.error().text);
    plain_.clear();
}

void SocketConnection::send_pending()
{
    if (wire_.empty())
        return;
    const auto size = wire_.size() - written_;
    const auto count = ::send(fd_, wire_.data() + written_, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
        if (errno == EAGAIN || errno == EINTR)
            blocked_ = true;
        else
            fail(system_error(errno));
        return;
    }
    if (static_cast<std::size_t>(count) < size) {
        written_ += static_cast<std::size_t>(count);
        blocked_ = true;
        return;
    }
    written_ = 0;
    wire_.clear();
    loop_->give_buffer(std::move(wire_));
}

// TLS and layers

Result<void> SocketConnection::start_tls(std::shared_ptr<TlsContext> context, const TlsStart& how)
{
    assert(!tls_);
    auto* const session = context->make_server_session(how.direct, how.domain);
    if (!session)
        return Error { "tls: out of memory", Error::Kind::limit };
    auto layer = std::make_unique<TlsLayer>(std::move(context), session);
    auto* const made = layer.get();
    push_layer(std::move(layer));
    tls_ = made;
    return {};
}

bool SocketConnection::is_encrypted() const
{
    return encrypted_;
}

const TlsInfo* SocketConnection::tls() const
{
    return encrypted_ ? &tls_->info() : nullptr;
}

bool SocketConnection::has_channel_binding(ChannelBinding type) const
{
    return encrypted_ && tls_->has_channel_binding(type);
}

std::string SocketConnection::channel_binding(ChannelBinding type) const
{
    return encrypted_ ? tls_->channel_binding(type) : std::string();
}

std::optional<ClientCertificate> SocketConnection::client_certificate(std::string_view domain) const
{
    return encrypted_ ? tls_->client_certificate(domain) : std::nullopt;
}

void SocketConnection::push_layer(std::unique_ptr<StreamLayer> layer)
{
    // What was appended before belongs below the new layer.
    if (!plain_.empty()) {
        encode_pending();
        flush_later();
    }
    layers_.push(std::move(layer));
}

// The end

void SocketConnection::peer_ended()
{
    peer_ended_ = true;
    if (state_ == State::open) {
        state_ = State::closing;
        ending().linger = linger_after_peer;
        start_linger();
    }
    flush_later();
}

void SocketConnection::close(Duration linger)
{
    if (state_ != State::open)
        return;
    state_ = State::closing;
    ending().linger = linger;
    start_linger();
    flush_later();
}

SocketConnection::Ending& SocketConnection::ending()
{
    if (!ending_)
        ending_ = std::make_unique<Ending>();
    return *ending_;
}

void SocketConnection::start_linger()
{
    shaper_.reset(); // what still comes is discarded
    if (ending().linger == Duration::zero())
        return;
    const AsKernel as_kernel;
    ending().timer = loop_->after(
        ending().linger, [this] { fail(backlog() > 0 ? "the peer does not read" : ""); });
}

void SocketConnection::fail(std::string reason)
{
    if (state_ == State::failed || state_ == State::ended)
        return;
    // Once we wrote all and said so, how the peer leaves is its own affair.
    if (state_ != State::half_closed)
        ending().reason = std::move(reason);
    state_ = State::failed;
    flush_later();
}

/// After a flush: what state an end is in now.
void SocketConnection::settle_end()
{
    if (state_ == State::closing && backlog() == 0) {
        ::shutdown(fd_, SHUT_WR);
        state_ = State::half_closed;
    }
    const auto is_over = state_ == State::failed || (state_ == State::half_closed && peer_ended_)
        || (state_ >= State::closing && ending().linger == Duration::zero());
    if (is_over)
        state_ = State::ended;
}

void SocketConnection::finish()
{
    const auto ending = std::move(ending_);
    shaper_.reset();
    stop_watching();
    ::close(std::exchange(fd_, -1));
    if (ending)
        ending->timer.cancel();
    if (user_)
        user_->on_closed(ending ? std::string_view(ending->reason) : std::string_view());
}

// The socket and its loop

void SocketConnection::watch()
{
    auto watcher = std::make_unique<Watcher>();
    watcher->poll.data = watcher.get();
    if (const auto failed = uv_poll_init(loop_->uv(), &watcher->poll, fd_); failed) {
        fail(uv_strerror(failed));
        return;
    }
    watcher_ = watcher.release();
    watcher_->owner = this;
    update_interest();
}

void SocketConnection::stop_watching()
{
    if (!watcher_)
        return;
    uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(watcher_, nullptr)->poll),
        [](uv_handle_t* handle) { delete static_cast<Watcher*>(handle->data); });
    interest_ = 0;
}

void SocketConnection::update_interest()
{
    if (!watcher_)
        return;
    const auto wanted = (may_read() ? UV_READABLE : 0) | (blocked_ ? UV_WRITABLE : 0);
    if (wanted == interest_)
        return;
    interest_ = wanted;
    if (wanted)
        uv_poll_start(&watcher_->poll, wanted, Watcher::on_ready);
    else
        uv_poll_stop(&watcher_->poll);
}

void SocketConnection::move_to(KernelLoop& target, Function<void()> arrived)
{
    assert(!move_);
    move_ = std::make_unique<Move>();
    move_->target = &target;
    move_->arrived = std::move(arrived);
    move_->plugin = current_plugin();
    flush_later();
}

void SocketConnection::begin_move()
{
    loop_->forget_turn_end(*this);
    loop_->forget_patient(*this);
    waits_ = false;
    if (ending_)
        ending_->timer.cancel();
    if (shaper_)
        shaper_->timer.cancel();
    stop_watching();
    loop_ = move_->target;
    loop_->post(std::make_unique<MoveMail>(*this));
}

void SocketConnection::arrive()
{
    const auto move = std::move(move_);
    if (state_ == State::closing || state_ == State::half_closed)
        start_linger();
    if (shaper_) {
        // Both clocks tell monotonic time, but not from the same moment.
        shaper_->filled = loop_->now();
        shaper_->is_empty = false;
    }
    watch();
    if (move->arrived)
        loop_->run_job(move->arrived, move->plugin);
    flush_later();
}

}
