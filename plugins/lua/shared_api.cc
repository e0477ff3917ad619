// shared: counters and small values that all loops see.
#include "api.h"
#include "convert.h"
#include "script.h"

namespace nuncio::lua {

namespace {

    constexpr double usual_life = 3600;
    constexpr std::size_t key_bytes = 1024;

    /// Scripts do not see each other's keys.
    std::string check_key(lua_State* state)
    {
        const std::string_view key = check_text(state, 1);
        luaL_argcheck(state, key.size() <= key_bytes, 1, "a key has at most 1024 bytes");
        Machine::of(state).charge(state, 20);
        std::string full = Script::of(state).name();
        full += '\n';
        full += key;
        return full;
    }

    Duration check_life(lua_State* state, int index)
    {
        const double life = luaL_optnumber(state, index, usual_life);
        luaL_argcheck(state, life > 0 && life <= 366 * 86400.0, index, "seconds, at most a year");
        return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(life));
    }

    int shared_add(lua_State* state)
    {
        const lua_Integer amount = luaL_optinteger(state, 2, 1);
        const Duration life = check_life(state, 3);
        World& world = Script::of(state).world();
        lua_pushinteger(state, world.shared().add(check_key(state), amount, world.now(), life));
        return 1;
    }

    int shared_once(lua_State* state)
    {
        const Duration life = check_life(state, 2);
        World& world = Script::of(state).world();
        lua_pushboolean(state, world.shared().once(check_key(state), world.now(), life));
        return 1;
    }

    int shared_get(lua_State* state)
    {
        World& world = Script::of(state).world();
        const Value value = world.shared().get(check_key(state), world.now());
        push_plain(state, value);
        return 1;
    }

    int shared_set(lua_State* state)
    {
        const int type = lua_type(state, 2);
        luaL_argexpected(state,
            type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL,
            2, "text, number, boolean or nil");
        const Duration life = check_life(state, 3);
        Script& script = Script::of(state);
        Value value = check_plain(state, 2);
        if (value.as_string().size() > script.bounds().value_bytes)
            return luaL_error(state, "the value is larger than %d bytes (option value_bytes)",
                int(script.bounds().value_bytes));
        World& world = script.world();
        if (value.is_null())
            world.shared().remove(check_key(state));
        else
            world.shared().set(check_key(state), std::move(value), world.now(), life);
        return 0;
    }

    constexpr luaL_Reg shared_functions[] = { { "add", shared_add }, { "get", shared_get },
        { "once", shared_once }, { "set", shared_set }, { nullptr, nullptr } };

}

void open_shared_api(lua_State* state)
{
    luaL_newlib(state, shared_functions);
    lua_setglobal(state, "shared");
}

}
