// pcall, xpcall and metatables: where a script could hold on to what has been taken from it.
#include "machine.h"
#include "sandbox.h"

namespace nuncio::lua {

namespace {

    // ---- Errors: what a script catches is never the end of its budget ----

    int finish_pcall(lua_State* state, int status, lua_KContext)
    {
        Machine& machine = Machine::of(state);
        machine.note_status(status);
        machine.refuse_if_spent(state);
        const bool is_good = status == LUA_OK || status == LUA_YIELD;
        lua_pushboolean(state, is_good);
        lua_replace(state, 1);
        return lua_gettop(state);
    }

    int base_pcall(lua_State* state)
    {
        luaL_checkany(state, 1);
        lua_pushnil(state); // the place of the verdict
        lua_insert(state, 1);
        const int status
            = lua_pcallk(state, lua_gettop(state) - 2, LUA_MULTRET, 0, 0, finish_pcall);
        return finish_pcall(state, status, 0);
    }

    int finish_xpcall(lua_State* state, int status, lua_KContext)
    {
        Machine& machine = Machine::of(state);
        machine.note_status(status);
        machine.refuse_if_spent(state);
        if (status == LUA_OK || status == LUA_YIELD) {
            lua_pushboolean(state, true);
            lua_replace(state, 1);
            return lua_gettop(state);
        }
        // The handler runs after the unwinding: at the place of the error it could run inside of
        // the counting hook, where nothing is counted.
        lua_settop(state, 2); // handler, error
        lua_call(state, 1, 1);
        lua_pushboolean(state, false);
        lua_insert(state, 1);
        return 2;
    }

    int base_xpcall(lua_State* state)
    {
        luaL_checktype(state, 2, LUA_TFUNCTION);
        lua_pushvalue(state, 1);
        lua_pushvalue(state, 2);
        lua_replace(state, 1); // the handler stays below
        lua_replace(state, 2);
        const int status
            = lua_pcallk(state, lua_gettop(state) - 2, LUA_MULTRET, 0, 0, finish_xpcall);
        return finish_xpcall(state, status, 0);
    }

    // ---- Metatables ----

    constexpr int original = 1; ///< where a table's metatable keeps what the script gave

    /// Events of metatables. Left out: __gc (runs out of any slice), __mode (weak tables make one
    /// step of the collector as long as a script likes), __close (runs while an error unwinds).
    constexpr const char* events[] = { "__add", "__sub", "__mul", "__div", "__mod", "__pow",
        "__unm", "__idiv", "__band", "__bor", "__bxor", "__bnot", "__shl", "__shr", "__concat",
        "__len", "__eq", "__lt", "__le", "__index", "__newindex", "__call", "__tostring", "__name",
        "__pairs", "__metatable" };

    int base_setmetatable(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TTABLE);
        luaL_argexpected(state, lua_isnil(state, 2) || lua_istable(state, 2), 2, "nil or table");
        if (luaL_getmetafield(state, 1, "__metatable") != LUA_TNIL)
            return luaL_error(state, "this table's metatable is protected");
        Machine::of(state).charge(state, std::size(events));
        if (lua_isnil(state, 2)) {
            lua_settop(state, 2);
            lua_setmetatable(state, 1);
            return 1;
        }
        for (const char* forbidden : { "__gc", "__mode", "__close" })
            if (lua_pushstring(state, forbidden), lua_rawget(state, 2) != LUA_TNIL)
                return luaL_error(state, "metatables have no %s here", forbidden);
            else
                lua_pop(state, 1);
        // A copy, so that nothing forbidden can be added later.
        lua_createtable(state, 1, 4);
        for (const char* event : events) {
            lua_pushstring(state, event);
            lua_pushvalue(state, -1);
            if (lua_rawget(state, 2) == LUA_TNIL)
                lua_pop(state, 2);
            else
                lua_rawset(state, -3);
        }
        lua_pushvalue(state, 2);
        lua_rawseti(state, -2, original);
        lua_setmetatable(state, 1);
        lua_settop(state, 1);
        return 1;
    }

    int base_getmetatable(lua_State* state)
    {
        luaL_checkany(state, 1);
        if (!lua_istable(state, 1) || !lua_getmetatable(state, 1)) {
            lua_pushnil(state); // what strings and stanzas share is nobody's to change
            return 1;
        }
        if (lua_pushstring(state, "__metatable"), lua_rawget(state, -2) != LUA_TNIL)
            return 1;
        lua_rawgeti(state, -2, original);
        return 1;
    }

    constexpr luaL_Reg guarded_functions[] = { { "getmetatable", base_getmetatable },
        { "pcall", base_pcall }, { "setmetatable", base_setmetatable }, { "xpcall", base_xpcall },
        { nullptr, nullptr } };

}

void open_guarded(lua_State* state)
{
    lua_pushglobaltable(state);
    luaL_setfuncs(state, guarded_functions, 0);
    lua_pop(state, 1);
}

}
