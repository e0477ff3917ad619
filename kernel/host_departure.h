// The end of a host that is served no more: its streams, its routes, and at last its memory.
#pragma once

#include <nuncio/function.h>
#include <nuncio/loop.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace nuncio::kernel {

class Server;
class VirtualHost;

/// Main thread. Owns the host from the moment the server has it no more. It is destroyed when
///   - every loop has taken domains without it, and its plugins have ended (the caller's part);
///   - nobody holds a HostRef, so that no letter, task, stream or command leads to it;
///   - no loop has an account of it in memory, or a job that waits for its plugins;
///   - and all that was still so after each loop has taken a turn, so that no stack has a frame of
///     its own any more.
/// What does not come to its end in time is kept, is listed, and is looked at again from time to
/// time. Nothing is ever destroyed by force.
class HostDeparture final {
public:
    HostDeparture(Server& server, std::unique_ptr<VirtualHost> host);
    ~HostDeparture();
    HostDeparture(const HostDeparture&) = delete;
    HostDeparture& operator=(const HostDeparture&) = delete;

    /// Ends its streams with `host-gone` (RFC 6120 §4.9.3.6) while its plugins still run, so that
    /// they see every session end and keep what comes for it; then takes its domains from every
    /// loop. `gone` follows.
    void end_streams(Function<void()> gone);
    /// The caller's part is complete: nothing of its plugins is left that could still write.
    void plugins_have_ended() { has_plugins_ = false; }
    bool has_plugins() const { return has_plugins_; }
    /// Destroys the host as soon as that is safe. `settled` runs once: that was done, or, after
    /// `patience`, it is kept for the time being.
    void wait(Duration patience, std::function<void()> settled);

    bool is_over() const { return !host_; }
    /// While it is not over.
    VirtualHost& host() const { return *host_; }

private:
    void look();
    void look_again();
    void look_on_loops();
    void settle();

    Server& server_;
    std::unique_ptr<VirtualHost> host_;
    TimePoint deadline_;
    Timer timer_;
    std::atomic<std::size_t> loops_in_use_ = 0;
    int quiet_rounds_ = 0;
    bool is_kept_ = false;
    bool has_plugins_ = true;
    std::function<void()> settled_;
};

}
