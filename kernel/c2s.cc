// The manager of client streams: where connections become streams, and how they all end.
#include "c2s.h"

#include "c2s_loop.h"
#include "c2s_parts.h"
#include "c2s_stream.h"
#include "connection.h"
#include "listener.h"
#include "loop.h"
#include "server.h"
#include "socket_connection.h"
#include "tls.h"

#include <nuncio/address.h>

#include <algorithm>
#include <utility>

namespace nuncio::kernel {

namespace {

    // Streams linger five seconds over their last words; then they are given up.
    constexpr Duration shutdown_time = 6s;

}

struct C2sManager::State {
    /// One `[[listen]]`. Its Listener's handlers refer to it.
    struct Door {
        ListenSettings settings;
        std::unique_ptr<Listener> listener;
    };

    explicit State(Server& server)
        : parts(server)
    {
    }
    Result<std::unique_ptr<Door>> open(const ListenSettings& settings);
    void accepted(int fd, std::string address, ListenSettings::Tls tls);
    void finish()
    {
        deadline.cancel();
        if (const auto done = std::exchange(shut_down_done, nullptr))
            done();
    }

    C2sParts parts;
    std::vector<std::unique_ptr<Door>> doors; // in the order of the settings
    std::size_t next_loop = 0;
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

Result<std::unique_ptr<C2sManager::State::Door>> C2sManager::State::open(
    const ListenSettings& settings)
{
    auto door = std::make_unique<Door>();
    door->settings = settings;
    auto listener = Listener::open(parts.server.main_loop(), settings.addresses, settings.port,
        { .accepted
            = [this, door = door.get()](int fd,
                  std::string address) { accepted(fd, std::move(address), door->settings.tls); },
            .trouble
            = [this](std::string_view reason) { parts.log->warn("listening: {}", reason); } });
    if (!listener)
        return listener.error();
    door->listener = std::move(*listener);
    return door;
}

/// Any loop will do for the negotiation: it ends on the home loop of the account.
void C2sManager::State::accepted(int fd, std::string address, ListenSettings::Tls tls)
{
    C2sLoop& loop = parts.loop(next_loop++ % parts.loops.size());
    const auto admission = parts.admit(network_of(address));
    loop.loop().post([&loop, fd, address = std::move(address), tls, admission]() mutable {
        C2sStream::start(loop,
            std::make_unique<SocketConnection>(loop.loop(), fd, std::move(address)), tls,
            admission);
    });
}

Result<Function<void()>> C2sManager::prepare_listen(std::vector<ListenSettings> listen)
{
    std::vector<std::unique_ptr<State::Door>> opened;
    std::vector<State::Door*> kept; // null: the next one of `opened`
    for (const ListenSettings& wanted : listen) {
        const auto same = std::ranges::find_if(state_->doors, [&](const auto& door) {
            return door->settings.addresses == wanted.addresses
                && door->settings.port == wanted.port && std::ranges::count(kept, door.get()) == 0;
        });
        kept.push_back(same == state_->doors.end() ? nullptr : same->get());
        if (kept.back())
            continue;
        auto door = state_->open(wanted);
        if (!door)
            return door.error();
        opened.push_back(*std::move(door));
    }
    return Function<void()>([this, listen = std::move(listen), kept = std::move(kept),
                                opened = std::move(opened)]() mutable {
        if (state_->parts.is_shutting_down)
            return; // all doors are closed
        auto& doors = state_->doors;
        std::vector<std::unique_ptr<State::Door>> arranged;
        auto next_opened = opened.begin();
        for (std::size_t i = 0; i < listen.size(); ++i) {
            if (!kept[i]) {
                arranged.push_back(std::move(*next_opened++));
                continue;
            }
            arranged.push_back(
                std::move(*std::ranges::find(doors, kept[i], &std::unique_ptr<State::Door>::get)));
            arranged.back()->settings = listen[i];
        }
        doors = std::move(arranged);
    });
}

Result<void> C2sManager::listen(std::vector<ListenSettings> listen)
{
    auto change = prepare_listen(std::move(listen));
    if (!change)
        return change.error();
    (*change)();
    return {};
}

std::vector<std::uint16_t> C2sManager::ports() const
{
    std::vector<std::uint16_t> ports;
    for (const auto& door : state_->doors)
        ports.push_back(door->listener->port());
    return ports;
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
    const auto admission = state_->parts.admit(network_of(connection->address()));
    if (KernelLoop::current() == &loop.loop())
        return C2sStream::start(loop, std::move(connection), listen.tls, admission);
    loop.loop().post(
        [&loop, tls = listen.tls, admission, connection = std::move(connection)]() mutable {
            C2sStream::start(loop, std::move(connection), tls, admission);
        });
}

void C2sManager::end_streams_of(VirtualHost& host, KernelLoop& loop)
{
    if (loop.index() < state_->parts.loops.size())
        state_->parts.loop(loop.index()).end_streams_of(host);
}

void C2sManager::shut_down(std::function<void()> done)
{
    auto& parts = state_->parts;
    state_->doors.clear();
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
