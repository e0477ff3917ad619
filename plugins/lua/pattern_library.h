// find, match, gmatch and gsub on the metered matcher.
#pragma once

#include <lua.hpp>

namespace nuncio::lua {

/// Into the table on top of the stack.
void add_pattern_functions(lua_State* state);

}
