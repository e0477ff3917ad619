#include "waiting_line.h"

#include <algorithm>

namespace nuncio::kernel {

namespace {

    /// What a waiting stanza costs beside its text.
    constexpr std::size_t overhead = 512;

}

WaitingLine::Place WaitingLine::take(
    Stanza& stanza, const std::optional<TakenBy>& taken, std::size_t most_bytes)
{
    const auto from_same
        = [&](const WaitingStanza& other) { return other.stanza.from() == stanza.from(); };
    if (!stanza.is_message() && std::ranges::none_of(waiting_, from_same))
        return Place::none;
    const std::size_t size = stanza.xml().size() + overhead;
    if (size > most_bytes - std::min(bytes_, most_bytes))
        return stanza.is_message() ? Place::full : Place::none;
    bytes_ += size;
    waiting_.push_back({ std::move(stanza), taken });
    return Place::taken;
}

}
