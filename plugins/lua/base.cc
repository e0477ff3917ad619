// The base functions, as far as a policy may have them.
#include "machine.h"
#include "sandbox.h"

namespace nuncio::lua {

namespace {

    // ---- Walking ----

    int base_next(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TTABLE);
        lua_settop(state, 2);
        // A table that was emptied keeps its room, and every step may walk all of it.
        Machine::of(state).charge(state, 20);
        if (lua_next(state, 1))
            return 2;
        lua_pushnil(state);
        return 1;
    }

    int finish_pairs(lua_State*, int, lua_KContext)
    {
        return 3;
    }

    int base_pairs(lua_State* state)
    {
        luaL_checkany(state, 1);
        if (luaL_getmetafield(state, 1, "__pairs") != LUA_TNIL) {
            lua_pushvalue(state, 1);
            lua_callk(state, 1, 3, 0, finish_pairs);
            return 3;
        }
        luaL_checktype(state, 1, LUA_TTABLE);
        lua_pushcfunction(state, base_next);
        lua_pushvalue(state, 1);
        lua_pushnil(state);
        return 3;
    }

    int ipairs_step(lua_State* state)
    {
        const lua_Integer i = luaL_checkinteger(state, 2) + 1;
        lua_pushinteger(state, i);
        return lua_geti(state, 1, i) == LUA_TNIL ? 1 : 2;
    }

    int base_ipairs(lua_State* state)
    {
        luaL_checkany(state, 1);
        lua_pushcfunction(state, ipairs_step);
        lua_pushvalue(state, 1);
        lua_pushinteger(state, 0);
        return 3;
    }

    // ---- The rest ----

    int base_tostring(lua_State* state)
    {
        luaL_checkany(state, 1);
        push_text(state, 1);
        return 1;
    }

    int base_tonumber(lua_State* state)
    {
        if (lua_isnoneornil(state, 2)) {
            luaL_checkany(state, 1);
            if (lua_type(state, 1) == LUA_TNUMBER) {
                lua_settop(state, 1);
                return 1;
            }
            std::size_t size = 0;
            const char* const text
                = lua_type(state, 1) == LUA_TSTRING ? lua_tolstring(state, 1, &size) : nullptr;
            Machine::of(state).charge(state, std::int64_t(size / 8));
            if (!text || lua_stringtonumber(state, text) != size + 1)
                lua_pushnil(state);
            return 1;
        }
        std::size_t size = 0;
        luaL_checktype(state, 1, LUA_TSTRING);
        const char* const text = lua_tolstring(state, 1, &size);
        const lua_Integer base = luaL_checkinteger(state, 2);
        luaL_argcheck(state, base >= 2 && base <= 36, 2, "base out of range");
        Machine::of(state).charge(state, std::int64_t(size / 8));
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const char c = text[i];
            const int digit = c >= '0' && c <= '9' ? c - '0'
                : c >= 'a' && c <= 'z'             ? c - 'a' + 10
                : c >= 'A' && c <= 'Z'             ? c - 'A' + 10
                                                   : 99;
            if (digit >= base) {
                lua_pushnil(state);
                return 1;
            }
            value = value * std::uint64_t(base) + std::uint64_t(digit);
        }
        if (size == 0)
            lua_pushnil(state);
        else
            lua_pushinteger(state, lua_Integer(value));
        return 1;
    }

    int base_select(lua_State* state)
    {
        const int count = lua_gettop(state);
        if (lua_type(state, 1) == LUA_TSTRING && *lua_tostring(state, 1) == '#') {
            lua_pushinteger(state, count - 1);
            return 1;
        }
        lua_Integer which = luaL_checkinteger(state, 1);
        if (which < 0)
            which = count + which;
        else if (which > count)
            which = count;
        luaL_argcheck(state, which >= 1, 1, "index out of range");
        return count - int(which);
    }

    int base_error(lua_State* state)
    {
        const int level = int(luaL_optinteger(state, 2, 1));
        lua_settop(state, 1);
        if (lua_type(state, 1) == LUA_TSTRING && level > 0) {
            luaL_where(state, level);
            lua_pushvalue(state, 1);
            lua_concat(state, 2);
        }
        return lua_error(state);
    }

    int base_assert(lua_State* state)
    {
        luaL_checkany(state, 1);
        if (lua_toboolean(state, 1))
            return lua_gettop(state);
        lua_remove(state, 1);
        if (lua_gettop(state) == 0)
            lua_pushliteral(state, "assertion failed!");
        lua_settop(state, 1);
        return base_error(state);
    }

    int base_type(lua_State* state)
    {
        luaL_checkany(state, 1);
        lua_pushstring(state, luaL_typename(state, 1));
        return 1;
    }

    int base_rawequal(lua_State* state)
    {
        luaL_checkany(state, 2);
        lua_pushboolean(state, lua_rawequal(state, 1, 2));
        return 1;
    }

    int base_rawlen(lua_State* state)
    {
        luaL_argexpected(state, lua_istable(state, 1) || lua_type(state, 1) == LUA_TSTRING, 1,
            "table or string");
        lua_pushinteger(state, lua_Integer(lua_rawlen(state, 1)));
        return 1;
    }

    int base_rawget(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TTABLE);
        luaL_checkany(state, 2);
        lua_settop(state, 2);
        lua_rawget(state, 1);
        return 1;
    }

    int base_rawset(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TTABLE);
        luaL_checkany(state, 3);
        lua_settop(state, 3);
        lua_rawset(state, 1);
        return 1;
    }

    constexpr luaL_Reg base_functions[] = { { "assert", base_assert }, { "error", base_error },
        { "ipairs", base_ipairs }, { "next", base_next }, { "pairs", base_pairs },
        { "rawequal", base_rawequal }, { "rawget", base_rawget }, { "rawlen", base_rawlen },
        { "rawset", base_rawset }, { "select", base_select }, { "tonumber", base_tonumber },
        { "tostring", base_tostring }, { "type", base_type }, { nullptr, nullptr } };

}

void push_text(lua_State* state, int index)
{
    index = lua_absindex(state, index);
    const int type = lua_type(state, index);
    const bool has_address = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA
        || type == LUA_TLIGHTUSERDATA || type == LUA_TTHREAD;
    if (has_address) {
        const int own = luaL_getmetafield(state, index, "__tostring");
        if (own != LUA_TNIL)
            lua_pop(state, 1);
        else {
            lua_pushstring(state, lua_typename(state, type));
            return;
        }
    }
    std::size_t size = 0;
    luaL_tolstring(state, index, &size);
    Machine::of(state).charge(state, std::int64_t(size / 64));
}

void open_base(lua_State* state)
{
    lua_pushglobaltable(state);
    luaL_setfuncs(state, base_functions, 0);
    lua_pushvalue(state, -1);
    lua_setfield(state, -2, "_G");
    lua_pushliteral(state, LUA_VERSION);
    lua_setfield(state, -2, "_VERSION");
    lua_pop(state, 1);
}

bool compile(lua_State* state, std::string_view source, const std::string& chunk)
{
    return luaL_loadbufferx(state, source.data(), source.size(), ("@" + chunk).c_str(), "t")
        == LUA_OK;
}

void open_sandbox(lua_State* state)
{
    open_base(state);
    open_guarded(state);
    open_coroutine(state);
    open_table(state);
    open_text(state);
}

}
