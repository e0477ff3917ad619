// What one loop knows of its client streams: the list, the sweep for silent ones, counters.
#pragma once

#include <nuncio/loop.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace nuncio::kernel {

class C2sParts;
class C2sStream;
class KernelLoop;
class TlsContext;
class VirtualHost;

/// A number that one thread writes and any may read.
class LoopCounter {
public:
    void add(std::uint64_t more)
    {
        value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_ = 0;
};

/// Belongs to its loop's thread. Cache lines of its own.
class alignas(64) C2sLoop {
public:
    C2sLoop(C2sParts& parts, KernelLoop& loop);
    ~C2sLoop();

    C2sParts& parts() { return parts_; }
    KernelLoop& loop() { return loop_; }

    void add(C2sStream& stream);
    void remove(C2sStream& stream);
    /// Ends all streams with `system-shutdown`, and every one that still arrives.
    void shut_down();
    /// Ends those of one host with `host-gone`.
    void end_streams_of(VirtualHost& host);
    bool is_shutting_down() const { return is_shutting_down_; }

    void set_tls(std::shared_ptr<TlsContext> tls) { tls_ = std::move(tls); }
    const std::shared_ptr<TlsContext>& tls() const { return tls_; }

    LoopCounter bytes_in, bytes_out, stanzas_in, stanzas_out;

private:
    void arm_sweep();
    void sweep();

    C2sParts& parts_;
    KernelLoop& loop_;
    C2sStream* first_ = nullptr;
    C2sStream* next_to_sweep_ = nullptr; // survives that the present one goes away
    std::shared_ptr<TlsContext> tls_; // shared: with streams that began with it
    Timer sweep_;
    bool is_shutting_down_ = false;
};

}
