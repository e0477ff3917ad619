// What a thread does for plugins right now.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nuncio::inline v1 {
class Stanza;
}

namespace nuncio::kernel {

class HandlerMeter;
class StanzaOutline;
class TracedHooks;

/// What a thread handles: a stanza that lives until its handlers have returned, or, where they get
/// it for their own, what was known of it.
struct Handled {
    const Stanza* stanza = nullptr;
    const StanzaOutline* outline = nullptr;
};

/// Written by its own thread alone, so that nothing here costs more than a store; read by the
/// watchdog and, when everything is over, by the handler of fatal signals.
struct alignas(64) ThreadActivity {
    std::atomic<const HandlerMeter*> meter
        = nullptr; ///< of the innermost handler; null: the kernel
    std::atomic<std::uint64_t> since = 0; ///< in ticks; what handlers inside of it took is left out
    std::uint64_t allocated = 0; ///< bytes from operator new since the handler began
    /// Where this thread counts. Loops have a place each; 0 is shared by all other threads.
    std::uint32_t place = 0;
    /// Innermost; null: nothing that came as a stanza. Only signal handlers on this very thread
    /// follow it: for anybody else it may end any moment.
    std::atomic<const Handled*> handled = nullptr;
    const TracedHooks* traced = nullptr; ///< what the next chain of hooks is about, if traced
};

// Lives in the program itself, so that nobody has to look for it.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThreadActivity this_thread;

/// This thread handles a stanza while this lives, whatever handlers do with it.
class Handling {
public:
    explicit Handling(const Stanza& stanza)
        : handled_ { &stanza, nullptr }
    {
        this_thread.handled.store(&handled_, std::memory_order_release);
    }
    explicit Handling(const StanzaOutline& outline)
        : handled_ { nullptr, &outline }
    {
        this_thread.handled.store(&handled_, std::memory_order_release);
    }
    ~Handling() { this_thread.handled.store(outer_, std::memory_order_release); }
    Handling(const Handling&) = delete;
    Handling& operator=(const Handling&) = delete;

private:
    Handled handled_;
    const Handled* const outer_ = this_thread.handled.load(std::memory_order_relaxed);
};

}
