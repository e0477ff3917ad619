// The servers of one service (a directory, a web service): which to try first, and how they are.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/value.h>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace nuncio::inline v1 {

/// The first in the administrator's order is used; one that failed is tried after all others for a
/// while. Any thread. A server is meant by its place in the list that it was made with.
class NUNCIO_API Servers {
public:
    /// A thread that blocks on a server has no loop's clock.
    using Time = std::chrono::steady_clock::time_point;

    /// In the order of preference; one that failed is tried last for `rest`.
    Servers(std::vector<std::string> urls, std::chrono::nanoseconds rest);

    /// As it was given.
    const std::string& url(std::size_t server) const { return servers_[server].url; }
    /// All of them, in the order to try.
    std::vector<std::size_t> order(Time now) const;
    /// Whether that is news: it worked before, or it failed before.
    bool failed(std::size_t server, Time now, std::string error);
    bool worked(std::size_t server);

    /// Connections that are open to a server; `change` is 1 or -1.
    void count(std::size_t server, int change);
    /// A row for each server: `server`, `state`, `connections`, `last_error`.
    Value health() const;

private:
    struct Server {
        std::string url;
        bool is_failing = false;
        bool was_used = false;
        Time failed_at {};
        std::string last_error {}; ///< kept when it works again
        std::int64_t connections = 0;
    };
    const std::chrono::nanoseconds rest_;
    mutable std::mutex mutex_;
    std::vector<Server> servers_; // guarded, but for `url`
};

}
