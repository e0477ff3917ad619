// The answer of `nuncioctl plugin top`.
#pragma once

#include <nuncio/value.h>

#include <string_view>

namespace nuncio::kernel {

class Server;

/// Main thread: a row for each handler that has been called, the most expensive first; of `plugin`
/// alone when it is not empty.
Value plugin_top(Server& server, std::string_view plugin);

}
