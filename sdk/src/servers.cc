#include <nuncio/servers.h>

#include <algorithm>
#include <utility>

namespace nuncio::inline v1 {

Servers::Servers(std::vector<std::string> urls, std::chrono::nanoseconds rest)
    : rest_(rest)
{
    for (std::string& url : urls)
        servers_.push_back({ std::move(url) });
}

std::vector<std::size_t> Servers::order(Time now) const
{
    const std::lock_guard lock(mutex_);
    std::vector<std::size_t> order(servers_.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_partition(order.begin(), order.end(), [&](std::size_t i) {
        return !servers_[i].is_failing || now - servers_[i].failed_at >= rest_;
    });
    return order;
}

bool Servers::failed(std::size_t server, Time now, std::string error)
{
    const std::lock_guard lock(mutex_);
    Server& one = servers_[server];
    one.failed_at = now;
    one.last_error = std::move(error);
    return !std::exchange(one.is_failing, true);
}

bool Servers::worked(std::size_t server)
{
    const std::lock_guard lock(mutex_);
    Server& one = servers_[server];
    one.was_used = true;
    return std::exchange(one.is_failing, false);
}

void Servers::count(std::size_t server, int change)
{
    const std::lock_guard lock(mutex_);
    servers_[server].connections += change;
}

Value Servers::health() const
{
    const std::lock_guard lock(mutex_);
    Value::Array rows;
    for (const Server& server : servers_) {
        Value row;
        row["server"] = server.url;
        row["state"] = server.is_failing ? "failing" : server.was_used ? "ok" : "not tried";
        row["connections"] = server.connections;
        if (!server.last_error.empty())
            row["last_error"] = server.last_error;
        rows.push_back(std::move(row));
    }
    return rows;
}

}
