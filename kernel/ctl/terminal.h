// What nuncioctl does at a terminal beside printing: asks for secrets, shows that it waits.
#pragma once

#include <nuncio/result.h>

#include <chrono>
#include <string>

namespace nuncio::ctl {

/// Asks on the terminal without echo, twice; without a terminal, takes the first line of standard
/// input.
Result<std::string> ask_secret(const std::string& name);

/// One line on the terminal of standard error for whoever waits, from 300 ms on; gone when it is
/// destroyed. Nothing is shown when standard error is no terminal, or a dumb one.
class StatusLine {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds frame_time { 100 };

    explicit StatusLine(std::string text);
    ~StatusLine();
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;

    /// Draws the next frame; to be called every `frame_time`.
    void tick(Clock::time_point now = Clock::now());
    void wipe();

private:
    std::string text_;
    Clock::time_point began_ = Clock::now();
    std::size_t frame_ = 0;
    bool is_possible_;
    bool is_drawn_ = false;
};

}
