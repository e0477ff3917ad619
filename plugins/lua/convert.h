// Plain data between Lua and the server: nil, booleans, numbers, texts, lists and tables of them.
#pragma once

#include <nuncio/value.h>

#include <lua.hpp>

namespace nuncio::lua {

/// The value at `index`; raises when it is no plain data, nests deeper than 16 levels, or has texts
/// that are no UTF-8. A table with [1] is a list. Charges for what it copies.
Value check_plain(lua_State* state, int index);
void push_plain(lua_State* state, const Value& value);

}
