// The server's functions for scripts, in parts. Each adds to the globals.
#pragma once

#include <lua.hpp>
#include <string_view>

namespace nuncio::lua {

void open_policy_api(lua_State* state); ///< policy, config, on, test, require
void open_verdict_api(lua_State* state); ///< pass, drop, bounce, reply, redirect, send
void open_server_api(lua_State* state); ///< nuncio, log, print, time, jid, after, every
void open_shared_api(lua_State* state); ///< shared
void open_waiting_api(lua_State* state); ///< await, sleep, store, plugins

/// Pushes a text, or nil for an empty one.
void push_or_nil(lua_State* state, std::string_view text);
/// The text at `index`; raises unless it is one.
std::string_view check_text(lua_State* state, int index);
/// The same for an argument that may be left out: empty then.
std::string_view optional_text(lua_State* state, int index);

}
