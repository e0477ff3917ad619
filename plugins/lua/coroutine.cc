// Coroutines whose instructions count for whoever resumes them.
#include "machine.h"
#include "sandbox.h"

namespace nuncio::lua {

namespace {

    lua_State* check_coroutine(lua_State* state)
    {
        lua_State* const coroutine = lua_tothread(state, 1);
        luaL_argexpected(state, coroutine, 1, "coroutine");
        return coroutine;
    }

    /// Resumes with the values above the first on the stack of `state`. The number of results,
    /// which are moved over, or -1 with the error's value.
    int resume(lua_State* state, lua_State* coroutine, int arguments)
    {
        Machine& machine = Machine::of(state);
        const bool is_startable = lua_status(coroutine) == LUA_YIELD
            || (lua_status(coroutine) == LUA_OK && lua_gettop(coroutine) > 0 && coroutine != state);
        lua_Debug frame;
        if (!is_startable
            || (lua_status(coroutine) == LUA_OK && lua_getstack(coroutine, 0, &frame))) {
            lua_pushliteral(state, "cannot resume this coroutine: it has ended or is running");
            return -1;
        }
        if (!lua_checkstack(coroutine, arguments + 1)) {
            lua_pushliteral(state, "too many arguments to resume");
            return -1;
        }
        lua_State* const before = machine.enter(coroutine);
        lua_xmove(state, coroutine, arguments);
        int results = 0;
        const int status = lua_resume(coroutine, state, arguments, &results);
        machine.leave(before);
        machine.note_status(status);
        machine.refuse_if_spent(state);
        if (status != LUA_OK && status != LUA_YIELD) {
            lua_xmove(coroutine, state, 1);
            return -1;
        }
        if (!lua_checkstack(state, results + 1)) {
            lua_pop(coroutine, results);
            lua_pushliteral(state, "too many results to resume");
            return -1;
        }
        lua_xmove(coroutine, state, results);
        return results;
    }

    int coroutine_create(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TFUNCTION);
        lua_State* const made = lua_newthread(state);
        lua_pushvalue(state, 1);
        lua_xmove(state, made, 1);
        return 1;
    }

    int coroutine_resume(lua_State* state)
    {
        lua_State* const coroutine = check_coroutine(state);
        const int results = resume(state, coroutine, lua_gettop(state) - 1);
        lua_pushboolean(state, results >= 0);
        const int count = results < 0 ? 1 : results;
        lua_insert(state, -(count + 1));
        return count + 1;
    }

    int wrapped(lua_State* state)
    {
        lua_State* const coroutine = lua_tothread(state, lua_upvalueindex(1));
        const int results = resume(state, coroutine, lua_gettop(state));
        return results < 0 ? lua_error(state) : results;
    }

    int coroutine_wrap(lua_State* state)
    {
        coroutine_create(state);
        lua_pushcclosure(state, wrapped, 1);
        return 1;
    }

    int coroutine_yield(lua_State* state)
    {
        // The outermost one belongs to the server, which resumes it when what `await` asked for is
        // there.
        if (Machine::of(state).is_outermost(state))
            return luaL_error(state, "only a coroutine of the script can yield: use await");
        return lua_yield(state, lua_gettop(state));
    }

    const char* status_of(lua_State* state, lua_State* coroutine)
    {
        if (coroutine == state)
            return "running";
        if (lua_status(coroutine) == LUA_YIELD)
            return "suspended";
        if (lua_status(coroutine) != LUA_OK)
            return "dead";
        lua_Debug frame;
        if (lua_getstack(coroutine, 0, &frame))
            return "normal";
        return lua_gettop(coroutine) == 0 ? "dead" : "suspended";
    }

    int coroutine_status(lua_State* state)
    {
        lua_pushstring(state, status_of(state, check_coroutine(state)));
        return 1;
    }

    constexpr luaL_Reg coroutine_functions[] = { { "create", coroutine_create },
        { "resume", coroutine_resume }, { "status", coroutine_status }, { "wrap", coroutine_wrap },
        { "yield", coroutine_yield }, { nullptr, nullptr } };

}

void open_coroutine(lua_State* state)
{
    luaL_newlib(state, coroutine_functions);
    lua_setglobal(state, "coroutine");
}

}
