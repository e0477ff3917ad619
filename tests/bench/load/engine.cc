#include "engine.h"

#include "clock.h"
#include "connection.h"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <unistd.h>

namespace nuncio::bench {

namespace {

    // A stanza longer than this is taken for a fault of the server.
    constexpr std::size_t read_buffer_size = std::size_t { 1 } << 20;
    constexpr std::uint64_t longest_wait = ns_per_second / 20;

    SSL_CTX* client_context()
    {
        auto* const context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
        // The certificates under test are self-signed, and to check them would only cost the
        // client.
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_mode(
            context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        // Every login is a full handshake.
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        // One recv for a record instead of two.
        SSL_CTX_set_read_ahead(context, 1);
        return context;
    }

}

Engine::Engine()
    : epoll_(epoll_create1(EPOLL_CLOEXEC))
    , tls_(client_context(), &SSL_CTX_free)
    , read_buffer_(read_buffer_size)
{
    if (epoll_ < 0)
        throw SetupError("no epoll descriptor");
}

Engine::~Engine()
{
    ::close(epoll_);
}

bool Engine::run(std::uint64_t deadline, const std::function<bool()>& done, const Tick& tick)
{
    for (;;) {
        const auto now = now_ns();
        std::uint64_t wake = std::min(deadline, now + longest_wait);
        if (tick) {
            const auto next = tick(now);
            if (next != 0)
                wake = std::min(wake, next);
        }
        flush();
        if (done())
            return true;
        if (now >= deadline)
            return false;
        wait(now, wake);
    }
}

void Engine::settle(std::uint64_t quiet, std::uint64_t deadline)
{
    last_heard_ = now_ns();
    run(deadline, [&] { return now_ns() - last_heard_ >= quiet; });
}

void Engine::wait(std::uint64_t now, std::uint64_t until)
{
    std::array<epoll_event, 512> events {};
    const auto pause = until > now ? until - now : 0;
    const timespec timeout { .tv_sec = static_cast<time_t>(pause / ns_per_second),
        .tv_nsec = static_cast<long>(pause % ns_per_second) };
    const int count
        = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        auto& event = events[static_cast<std::size_t>(i)];
        static_cast<Connection*>(event.data.ptr)->on_events(event.events);
    }
    if (last_heard_ == 0)
        last_heard_ = now_ns();
}

void Engine::flush()
{
    // A flush that fails ends its session, and the end of a session may write to others.
    while (!dirty_.empty()) {
        flushing_.swap(dirty_);
        for (auto* const connection : flushing_)
            connection->flush();
        flushing_.clear();
    }
}

}
