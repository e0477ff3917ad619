#include "api.h"

#include "script.h"

namespace nuncio::lua {

void push_or_nil(lua_State* state, std::string_view text)
{
    if (text.empty())
        lua_pushnil(state);
    else
        lua_pushlstring(state, text.data(), text.size());
}

std::string_view check_text(lua_State* state, int index)
{
    std::size_t size = 0;
    const char* const text = luaL_checklstring(state, index, &size);
    return { text, size };
}

std::string_view optional_text(lua_State* state, int index)
{
    return lua_isnoneornil(state, index) ? std::string_view() : check_text(state, index);
}

void open_api(lua_State* state)
{
    open_policy_api(state);
    open_verdict_api(state);
    open_server_api(state);
    open_shared_api(state);
    open_waiting_api(state);
}

}
