// What the language offers to a script: a whitelist, built anew for each state.
#pragma once

#include <lua.hpp>
#include <string>
#include <string_view>

namespace nuncio::lua {

/// Fills the globals with everything of Lua that a policy needs and that its budget bounds: the
/// base functions, coroutine, table, string, math, utf8. There is no io, os, debug, package, load,
/// loadfile, dofile, collectgarbage.
void open_sandbox(lua_State* state);

// The parts.
void open_base(lua_State* state);
void open_guarded(lua_State* state); ///< pcall, xpcall, metatables
void open_coroutine(lua_State* state);
void open_table(lua_State* state);
void open_text(lua_State* state); ///< string, utf8 and math

/// Pushes the text of the value at `index`, without the address that Lua's own tostring tells.
void push_text(lua_State* state, int index);

/// Compiles text, never bytecode, with an upvalue for the globals. Pushes the function, or the
/// error's text and answers false.
bool compile(lua_State* state, std::string_view source, const std::string& chunk);

}
