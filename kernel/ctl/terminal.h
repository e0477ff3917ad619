// What nuncioctl does at a terminal beside printing: asks for secrets, shows that it waits.
#pragma once

#include <nuncio/result.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

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

/// The whole terminal, for what is drawn again and again. Left as it was found.
class Screen {
public:
    /// Whether standard input and output are a terminal that can be drawn on.
    static bool is_possible();
    Screen();
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    /// Draws the lines of `text` that have room, as far as they have room.
    void show(std::string_view text);
    /// Until `time` has passed; false when somebody wants to leave: q, Ctrl-C, or a signal.
    bool wait(std::chrono::milliseconds time);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The first `lines` lines of `text`, none wider than `columns` code points.
std::string cut_to(std::string_view text, std::size_t lines, std::size_t columns);

}
