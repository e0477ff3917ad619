// What one loop holds of one host: the accounts whose home it is, and its view of the table.
#pragma once

#include "hold_queue.h"
#include "session.h"

#include <memory>
#include <string_view>
#include <unordered_map>

namespace nuncio::kernel {

/// Cache lines of its own: each loop writes only its shard.
struct alignas(64) VirtualHost::Shard {
    std::shared_ptr<const RouteTable> table; // shared: with the other loops
    std::shared_ptr<const HostSettings> settings; // shared: likewise
    /// By bare JID; the key's bytes belong to the account.
    std::unordered_map<std::string_view, std::unique_ptr<AccountObject>> accounts;
    /// The last driver, while it ends together with those who use it.
    ServiceEntry former_storage;
    HoldQueue held; ///< empty, except while plugins hand over
    bool is_leaving = false; ///< no stream begins any more
};

}
