// Ending and destroying a host, one step after the other on the main loop.
#include "host_departure.h"

#include "c2s.h"
#include "server.h"
#include "virtual_host.h"

#include <utility>

namespace nuncio::kernel {

namespace {

    constexpr Duration poll_delay = 5ms;
    constexpr Duration kept_poll_delay = 1s;
    // The second one finds what letters that were under way during the first have left.
    constexpr int quiet_rounds_wanted = 2;

}

HostDeparture::HostDeparture(Server& server, std::unique_ptr<VirtualHost> host)
    : server_(server)
    , host_(std::move(host))
{
}

HostDeparture::~HostDeparture() = default;

void HostDeparture::end_streams(Function<void()> gone)
{
    server_.on_every_loop(
        [this](KernelLoop& loop) {
            host_->leave(loop);
            server_.c2s().end_streams_of(*host_, loop);
        },
        [this, gone = std::move(gone)]() mutable { server_.publish_domains(std::move(gone)); });
}

void HostDeparture::wait(Duration patience, std::function<void()> settled)
{
    settled_ = std::move(settled);
    deadline_ = server_.main_loop().now() + patience;
    look();
}

void HostDeparture::look()
{
    if (host_->is_referenced()) {
        quiet_rounds_ = 0;
        return look_again();
    }
    look_on_loops();
}

void HostDeparture::look_again()
{
    if (!is_kept_ && server_.main_loop().now() >= deadline_) {
        is_kept_ = true;
        server_.log().warn("the host {} is not served any more, but something is still under way "
                           "on it: it stays in memory until that ends",
            host_->domain());
        settle();
    }
    timer_ = server_.main_loop().after(is_kept_ ? kept_poll_delay : poll_delay, [this] {
        // By mail: the timer's job must not replace the timer.
        server_.main_loop().post([this] { look(); });
    });
}

void HostDeparture::look_on_loops()
{
    loops_in_use_ = 0;
    server_.on_every_loop(
        [this](KernelLoop& loop) {
            if (host_->is_in_use(loop))
                loops_in_use_.fetch_add(1, std::memory_order_relaxed);
        },
        [this] {
            if (loops_in_use_ != 0 || host_->is_referenced()) {
                quiet_rounds_ = 0;
                return look_again();
            }
            if (++quiet_rounds_ < quiet_rounds_wanted)
                return look_on_loops();
            server_.log().info("the host {} is gone", host_->domain());
            host_.reset();
            settle();
        });
}

void HostDeparture::settle()
{
    // By mail: who hears of it may begin the next departure, which sweeps those that are over.
    if (settled_)
        server_.main_loop().post(std::exchange(settled_, nullptr));
}

}
