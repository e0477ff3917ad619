// What one loop holds of one host: the accounts whose home it is, and its view of the table.
#pragma once

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
};

}
