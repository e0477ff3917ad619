// One thread at a time routes of a row, so that the order made here is the order that leaves.
#include "ordered_replies.h"

#include "virtual_host.h"

namespace nuncio::kernel {

OrderedReplies::Place OrderedReplies::take_place(std::string_view sender)
{
    auto place = std::make_shared<Slot>();
    place->sender = sender;
    const std::lock_guard lock(mutex_);
    rows_[place->sender].places.push_back(place);
    return place;
}

void OrderedReplies::fill(const Place& place, VirtualHost& host, Stanza reply)
{
    std::unique_lock lock(mutex_);
    place->reply = std::move(reply);
    place->is_filled = true;
    const auto at = rows_.find(place->sender);
    Row& row = at->second;
    if (row.is_leaving)
        return;
    row.is_leaving = true;
    while (!row.places.empty() && row.places.front()->is_filled) {
        const Place front = std::move(row.places.front());
        row.places.pop_front();
        lock.unlock();
        host.route(std::move(front->reply));
        lock.lock();
    }
    row.is_leaving = false;
    // By key: other rows may have come and gone meanwhile.
    if (row.places.empty())
        rows_.erase(place->sender);
}

}
