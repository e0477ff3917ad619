// `nuncioctl plugin top` on a terminal: the table of handlers, drawn every second.
#pragma once

#include "client.h"

#include <chrono>

namespace nuncio::ctl {

/// The rows of `now`, as the server gives them, with the rates of the time since `before` in place
/// of those since the server's start; who was busiest comes first.
Value rates_since(const Value& before, const Value& now, std::chrono::duration<double> passed);

/// The same rows as a terminal of 80 columns shows them best: what a handler costs, then whose it
/// is, then the rest, which a narrower one cuts off.
Value for_screen(const Value& rows);

/// Until somebody leaves.
Result<void> watch_top(Client& client, const Value& arguments);

}
