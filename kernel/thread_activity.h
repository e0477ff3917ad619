// What a thread does for plugins right now.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nuncio::kernel {

class HandlerMeter;
class TracedHooks;

/// Written by its own thread alone, so that nothing here costs more than a store; read by the
/// watchdog and, when everything is over, by the handler of fatal signals.
struct alignas(64) ThreadActivity {
    std::atomic<const HandlerMeter*> meter
        = nullptr; ///< of the innermost handler; null: the kernel
    std::atomic<std::uint64_t> since = 0; ///< in ticks; what handlers inside of it took is left out
    std::uint64_t allocated = 0; ///< bytes from operator new since the handler began
    /// Where this thread counts. Loops have a place each; 0 is shared by all other threads.
    std::uint32_t place = 0;
    const TracedHooks* traced = nullptr; ///< what the next chain of hooks is about, if traced
};

// Lives in the program itself, so that nobody has to look for it.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThreadActivity this_thread;

}
