// Keeps a virtual host in memory, whether it is still served or not.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace nuncio::kernel {

class VirtualHost;

/// Held by whatever refers to a host beyond the present turn of a loop, so that one which was taken
/// out of the configuration ends after the last of them (HostDeparture). What lies in the host
/// itself, accounts and held jobs, keeps it by being there. Any thread.
class HostRef {
public:
    /// How many there are, beside the host itself. A thing of its own: a letter that nobody
    /// delivers any more when the server ends may let go after the host has gone.
    struct Count {
        explicit Count(VirtualHost& of)
            : host(of)
        {
        }
        VirtualHost& host;
        std::atomic<std::uint64_t> holders = 1;
    };

    HostRef() = default;
    explicit HostRef(VirtualHost* host);
    explicit HostRef(VirtualHost& host)
        : HostRef(&host)
    {
    }
    HostRef(const HostRef& other)
        : count_(other.count_)
    {
        if (count_)
            count_->holders.fetch_add(1, std::memory_order_relaxed);
    }
    HostRef(HostRef&& other) noexcept
        : count_(std::exchange(other.count_, nullptr))
    {
    }
    HostRef& operator=(HostRef other) noexcept
    {
        std::swap(count_, other.count_);
        return *this;
    }
    ~HostRef()
    {
        if (count_)
            release(*count_);
    }

    explicit operator bool() const { return count_ != nullptr; }
    VirtualHost* get() const { return count_ ? &count_->host : nullptr; }
    VirtualHost& operator*() const { return count_->host; }
    VirtualHost* operator->() const { return &count_->host; }

    /// The host's own part, at its end.
    static void release(Count& count)
    {
        if (count.holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete &count;
    }

private:
    Count* count_ = nullptr;
};

}
