// RFC 6120 §10.1: stanzas for one account that wait until older ones have been handed over.
#pragma once

#include "route_table.h"

#include <nuncio/loop.h>
#include <nuncio/stanza.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace nuncio::kernel {

/// One that waits.
struct WaitingStanza {
    Stanza stanza;
    std::optional<TakenBy> taken; ///< its StanzaDelivering goes on from there
};

/// Lives in an account from the first MessageHold until what waited has gone. Home loop only.
class WaitingLine {
public:
    enum class Place { none, taken, full };

    /// `number` tells this line's holds from those of an earlier one.
    explicit WaitingLine(std::uint64_t number)
        : number_(number)
    {
    }

    std::uint64_t number() const { return number_; }
    void add_hold() { ++holds_; }
    void remove_hold() { --holds_; }
    bool is_held() const { return holds_ > 0; }
    /// The longest that anybody may wait.
    void set_deadline(Timer timer) { deadline_ = std::move(timer); }

    /// Takes every message, and whatever else comes from somebody who has something waiting: his
    /// stanzas must not overtake each other. Other presence and iqs pass by, and, when the line has
    /// `most_bytes` already, all of them. `full`: a message for which there is no room.
    Place take(Stanza& stanza, const std::optional<TakenBy>& taken, std::size_t most_bytes);
    std::vector<WaitingStanza> leave() { return std::move(waiting_); }

private:
    std::vector<WaitingStanza> waiting_;
    std::size_t bytes_ = 0;
    std::uint64_t number_;
    std::uint32_t holds_ = 0;
    Timer deadline_;
};

}
