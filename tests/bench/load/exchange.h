// A timed exchange of numbered stanzas: what chat, ping, presence and relay have in common.
#pragma once

#include "clock.h"
#include "fleet.h"
#include "histogram.h"

#include <string>
#include <vector>

namespace nuncio::bench {

// A stanza written once, of which only the ten digits of its number change.
class NumberedStanza final {
public:
    // `head` + ten digits + `tail`.
    NumberedStanza(std::string_view head, std::string_view tail);

    std::string_view numbered(std::uint64_t number);

    static constexpr std::size_t digits = 10;

private:
    std::string text_;
    std::size_t digits_at_;
};

// The number that follows `token`; false if the text is not of this run.
bool read_number(std::string_view text, std::string_view token, std::uint64_t& number);

// When the latest stanzas of one sender were sent.
class SentTimes final {
public:
    explicit SentTimes(std::size_t room);
    std::uint64_t& operator[](std::uint64_t number) { return times_[number & (times_.size() - 1)]; }
    std::size_t room() const { return times_.size(); }

private:
    std::vector<std::uint64_t> times_;
};

class Exchange : public Fleet::Guide {
public:
    Exchange(Engine& engine, const Options& options, Report& report);

    virtual void prepare(Fleet& fleet) = 0;

    // Warms up, measures, waits for what is still under way, and counts what never came.
    void run(Meter& meter);

    const Histogram& latency() const { return latency_; }

protected:
    // The closed loop's first stanzas.
    virtual void start() = 0;

    // The open loop's next stanza, which should have been sent at `due`.
    virtual void send_turn(std::uint64_t turn, std::uint64_t due) = 0;

    // Counts what was sent and never came.
    virtual void finish() = 0;

    void delivered(std::uint64_t sent_at)
    {
        latency_.record(now_ns() - sent_at);
        ++delivered_;
        --under_way_;
    }
    void sent(std::uint64_t deliveries_to_come = 1) { under_way_ += deliveries_to_come; }

    bool is_closed_loop() const { return options_.rate == 0; }
    bool keeps_sending() const { return keeps_sending_; }

    Engine& engine_;
    const Options& options_;
    Report& report_;
    const std::string token_; // Marks the stanzas of this run.

private:
    Histogram latency_;
    std::uint64_t delivered_ = 0;
    std::uint64_t under_way_ = 0;
    bool keeps_sending_ = false;
};

}
