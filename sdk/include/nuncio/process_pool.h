// Child processes that answer requests, shared by the logins of one host.
#pragma once

#include <nuncio/circuit_breaker.h>
#include <nuncio/context.h>
#include <nuncio/process.h>
#include <nuncio/value.h>

#include <cstdint>
#include <memory>
#include <string>

namespace nuncio::inline v1 {

/// How many there are, what they are asked, and how long.
struct ProcessPoolOptions {
    ProcessOptions process; ///< how each of them is started
    std::uint32_t processes = 4; ///< as many requests are under way at once, 1 … 64
    std::uint32_t queue = 256; ///< requests that may wait for a process
    Duration timeout = 10s; ///< from asking to the answer
    std::uint16_t codes = 2; ///< an answer is one of 0 … `codes`-1
    /// Asked of every process when it has started, before anybody relies on it; any answer is
    /// good. It should change nothing.
    std::string probe {};
    Duration first_rest
        = 200ms; ///< of a process that failed, before it is started again; doubles …
    Duration longest_rest = 30s; ///< … up to this
    CircuitBreaker::Options breaker {};
};

/// One request to one of the processes.
struct ProcessRequest {
    std::string payload; ///< at most port_packet_bytes
    /// The part of it that no log may show: lines of stderr that hold it are withheld.
    std::string secret {};
    /// Asked once more, of another process, when the first one ended without an answer.
    bool may_repeat = false;
};

/// Processes that read packets with a length of two bytes from their stdin, in a loop, and answer
/// each with a code on their stdout (<nuncio/port_protocol.h>). One request at a time for each
/// process. Who does not answer in time, answers something else or ends is ended and started again,
/// later each time, and nobody is given to it before it has answered the probe. What they write to
/// stderr goes into the log, in measure. Member of a plugin, made in its start.
class NUNCIO_API ProcessPool {
public:
    ProcessPool(Context& context, ProcessPoolOptions options);
    ~ProcessPool();
    ProcessPool(const ProcessPool&) = delete;
    ProcessPool& operator=(const ProcessPool&) = delete;

    /// The code that answers it. Any loop; comes back to it. `unavailable` when there was no answer
    /// (in time), or none can be expected now; `limit` when too many wait already or the request
    /// is too long.
    task<Result<std::uint16_t>> ask(ProcessRequest request);

    /// What an administrator should know of it. Any thread.
    Value health() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}
