// Leases: whatever of a plugin outlives one callback keeps the plugin.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nuncio::kernel {

class HandlerMeter;

/// What current_plugin() points at in the kernel. It ends only when no lease is held. Leases are
/// counted by era, so that one can tell when all taken before a moment are over.
class Leased {
public:
    Leased() = default;
    Leased(const Leased&) = delete;
    Leased& operator=(const Leased&) = delete;

    /// Any thread. Answers the era, for release().
    unsigned retain()
    {
        const unsigned era = era_.load(std::memory_order_acquire);
        leases_[era].fetch_add(1, std::memory_order_relaxed);
        return era;
    }
    void release(unsigned era) { leases_[era].fetch_sub(1, std::memory_order_release); }
    std::int64_t leases() const
    {
        return leases_[0].load(std::memory_order_acquire)
            + leases_[1].load(std::memory_order_acquire);
    }
    /// Main thread: leases taken from now on count apart. False, and nothing done, while some of
    /// the era before the last are still held.
    bool begin_era()
    {
        const unsigned before = era_.load(std::memory_order_relaxed);
        if (leases_[1 - before].load(std::memory_order_acquire) != 0)
            return false;
        era_.store(1 - before, std::memory_order_release);
        return true;
    }
    /// Leases of before the last begin_era().
    std::int64_t former_leases() const
    {
        return leases_[1 - era_.load(std::memory_order_relaxed)].load(std::memory_order_acquire);
    }

    /// What runs as its code without being one of its handlers.
    enum class Part { start, end, service, timer, task, job };
    static constexpr std::size_t part_count = 6;
    HandlerMeter* meter(Part part) const { return meters_[static_cast<std::size_t>(part)]; }

protected:
    HandlerMeter* meters_[part_count] = {}; ///< null: not measured

private:
    std::atomic<unsigned> era_ = 0;
    std::atomic<std::int64_t> leases_[2] = { 0, 0 };
};

/// A waiting task, a queued job, a letter in a mailbox holds one.
class Lease {
public:
    Lease() = default;
    explicit Lease(Leased& leased)
        : leased_(&leased)
        , era_(leased.retain())
    {
    }
    Lease(Lease&& other) noexcept
        : leased_(std::exchange(other.leased_, nullptr))
        , era_(other.era_)
    {
    }
    Lease& operator=(Lease&& other) noexcept
    {
        std::swap(leased_, other.leased_);
        std::swap(era_, other.era_);
        return *this;
    }
    ~Lease()
    {
        if (leased_)
            leased_->release(era_);
    }

private:
    Leased* leased_ = nullptr;
    unsigned era_ = 0;
};

}
