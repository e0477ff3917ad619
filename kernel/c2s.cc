// The manager of client streams: where connections become streams, and how they all end.
#include "c2s.h"

#include "c2s_loop.h"
#include "c2s_parts.h"
#include "c2s_stream.h"
#include "connection.h"
#include "loop.h"
#include "server.h"
#include "tls.h"

#include <utility>

namespace nuncio::kernel {

namespace {

    // Streams linger five seconds over their last words; then they are given up.
    constexpr Duration shutdown_time = 6s;

}

struct C2sManager::State {
    explicit State(Server& server)
        : parts(server)
    {
    }
    void finish()
    {
        deadline.cancel();
        if (const auto done = std::exchange(shut_down_done, nullptr))
            done();
    }

    C2sParts parts;
    std::function<void()> shut_down_done;
    Timer deadline;
};

C2sManager::C2sManager(Server& server)
    : state_(std::make_unique<State>(server))
{
}

C2sManager::~C2sManager()
{
    state_->parts.is_shutting_down = false; // nobody is told any more
}

void C2sManager::set_tls(std::shared_ptr<TlsContext> context)
{
    auto& parts = state_->parts;
    parts.server.on_every_loop(
        [&parts, context](KernelLoop& loop) {
            if (loop.index() < parts.loops.size())
                parts.loop(loop.index()).set_tls(context);
        },
        {});
}

void C2sManager::adopt(std::unique_ptr<Connection> connection, const ListenSettings& listen)
{
    C2sLoop& loop = state_->parts.loop(connection->loop().index());
    if (KernelLoop::current() == &loop.loop())
        return C2sStream::start(loop, std::move(connection), listen);
    loop.loop().post([&loop, listen, connection = std::move(connection)]() mutable {
        C2sStream::start(loop, std::move(connection), listen);
    });
}

void C2sManager::shut_down(std::function<void()> done)
{
    auto& parts = state_->parts;
    state_->shut_down_done = std::move(done);
    parts.all_gone
        = [this] { state_->parts.server.main_loop().post([this] { state_->finish(); }); };
    parts.is_shutting_down = true;
    parts.server.on_every_loop(
        [&parts](KernelLoop& loop) {
            if (loop.index() < parts.loops.size())
                parts.loop(loop.index()).shut_down();
        },
        [this] {
            if (state_->parts.alive.load() == 0)
                return state_->finish();
            if (state_->shut_down_done)
                state_->deadline = state_->parts.server.main_loop().after(
                    shutdown_time, [this] { state_->finish(); });
        });
}

std::uint64_t C2sManager::open_streams() const
{
    return state_->parts.open.load(std::memory_order_relaxed);
}

C2sManager::Counters C2sManager::counters() const
{
    Counters sum;
    sum.open_streams = open_streams();
    for (const auto& loop : state_->parts.loops) {
        sum.bytes_in += loop->bytes_in.value();
        sum.bytes_out += loop->bytes_out.value();
        sum.stanzas_in += loop->stanzas_in.value();
        sum.stanzas_out += loop->stanzas_out.value();
    }
    return sum;
}

}
