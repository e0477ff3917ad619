// What all client streams share, whatever loop they live on.
#pragma once

#include "address_counts.h"
#include "c2s_loop.h"
#include "sasl/decoy_keys.h"

#include <nuncio/log.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

class Server;

/// Whether one more stream may be. Decided when it is accepted, so that it is the late ones that
/// are refused.
enum class Admission : std::uint8_t { granted, too_many, too_many_from_address };

class C2sParts {
public:
    explicit C2sParts(Server& server);
    ~C2sParts();

    C2sLoop& loop(std::size_t index) { return *loops[index]; }

    Admission admit(const std::string& address_key);
    void leave(const std::string& address_key);

    /// Every stream object, the refused ones included, is counted from its making to its end.
    void stream_made() { alive.fetch_add(1, std::memory_order_relaxed); }
    void stream_gone();

    Server& server;
    std::unique_ptr<Log> log;
    const std::string secret; ///< kept across restarts; decoys and inline resources come from it
    sasl::DecoyKeys decoys;
    AddressCounts addresses;
    std::vector<std::unique_ptr<C2sLoop>> loops;
    std::atomic<std::uint64_t> open = 0; ///< admitted
    std::atomic<std::uint64_t> alive = 0;
    std::atomic<bool> is_shutting_down = false;
    std::function<void()> all_gone; ///< any loop: called when the last stream of a shutdown went
};

}
