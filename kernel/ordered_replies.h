// Answers that are ready out of order and leave in order.
#pragma once

#include "route_table.h"

#include <nuncio/stanza.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace nuncio::kernel {

class VirtualHost;

/// Each request takes a place in its sender's row; a row is routed from its front as far as it is
/// filled. Any thread.
class OrderedReplies {
    struct Slot {
        std::string sender;
        Stanza reply;
        bool is_filled = false;
    };

public:
    using Place = std::shared_ptr<Slot>; // shared: with the row

    Place take_place(std::string_view sender);
    /// Exactly once for every place. Routes outside of the lock: what it causes may fill others.
    void fill(const Place& place, VirtualHost& host, Stanza reply);

private:
    struct Row {
        std::deque<Place> places;
        bool is_leaving = false; ///< somebody routes from its front
    };
    std::mutex mutex_;
    TextMap<Row> rows_; // guarded; only of senders that wait for something
};

}
