// What a run found, as text for people and as JSON for the comparison.
#pragma once

#include "histogram.h"
#include "options.h"
#include "process.h"
#include "sequence.h"

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::bench {

// Processor time and memory between begin() and end(), of the server, of us and of everybody else.
class Meter final {
public:
    explicit Meter(pid_t server)
        : server_(server)
    {
    }

    void begin();
    void end();

    bool has_server() const { return server_ != 0; }
    double seconds() const { return seconds_; }
    double server_cpu() const { return after_.cpu_seconds - before_.cpu_seconds; }
    double own_cpu() const { return own_after_ - own_before_; }
    double other_cpu() const { return machine_after_ - machine_before_ - server_cpu() - own_cpu(); }
    double yardstick() const { return yardstick_; }

private:
    pid_t server_;
    Usage before_;
    Usage after_;
    double own_before_ = 0;
    double own_after_ = 0;
    double machine_before_ = 0;
    double machine_after_ = 0;
    double yardstick_ = 0;
    double seconds_ = 0;
    std::uint64_t started_ = 0;
};

struct Report {
    std::string scenario;
    std::string unit = "deliveries"; // What `units` counts.
    std::uint64_t units = 0;
    std::uint64_t units_in_all = 0; // With warm-up and what came after the measured time.
    std::uint32_t sessions = 0;
    Faults faults;
    std::vector<std::string> errors; // The first few of sessions that ended or never began.
    std::uint64_t error_count = 0;
    // Memory: the server's before the first connection, and with all sessions there.
    Usage memory_before;
    Usage memory_with_sessions;
    bool has_memory = false;

    bool is_good() const { return !faults.any() && error_count == 0; }
    void add_error(std::string_view text);
};

// Prints it, appends it to options.json as one line if that is given, and gives the exit status.
int publish(
    const Report& report, const Meter& meter, const Histogram& latency, const Options& options);

}
