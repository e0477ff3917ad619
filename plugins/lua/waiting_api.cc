// What takes a while: store, sleep and functions of plugins make requests; await waits for one.
#include "api.h"
#include "convert.h"
#include "script.h"
#include "test_world.h"

#include <new>

namespace nuncio::lua {

namespace {

    constexpr const char* request_type = "request";
    constexpr std::size_t key_bytes = 1024;

    int push_request(lua_State* state, Request request)
    {
        void* const memory = lua_newuserdatauv(state, sizeof(Request), 0);
        ::new (memory) Request(std::move(request));
        luaL_setmetatable(state, request_type);
        Machine::of(state).charge(state, 50);
        return 1;
    }

    int collect_request(lua_State* state)
    {
        static_cast<Request*>(lua_touserdata(state, 1))->~Request();
        return 0;
    }

    // ---- store ----

    std::string check_name(lua_State* state, int index)
    {
        const std::string_view name = check_text(state, index);
        luaL_argcheck(
            state, !name.empty() && name.size() <= key_bytes, index, "a text of 1 to 1024 bytes");
        return std::string(name);
    }

    int store_get(lua_State* state)
    {
        return push_request(state,
            { .kind = Request::Kind::get,
                .owner = check_name(state, 1),
                .key = check_name(state, 2) });
    }

    int store_put(lua_State* state)
    {
        Value value = check_plain(state, 3);
        Script& script = Script::of(state);
        if (value.json().size() > script.bounds().value_bytes)
            return luaL_error(state, "the value is larger than %d bytes (option value_bytes)",
                int(script.bounds().value_bytes));
        return push_request(state,
            { .kind = value.is_null() ? Request::Kind::remove : Request::Kind::put,
                .owner = check_name(state, 1),
                .key = check_name(state, 2),
                .value = std::move(value) });
    }

    int store_remove(lua_State* state)
    {
        return push_request(state,
            { .kind = Request::Kind::remove,
                .owner = check_name(state, 1),
                .key = check_name(state, 2) });
    }

    int store_list(lua_State* state)
    {
        return push_request(state, { .kind = Request::Kind::list, .owner = check_name(state, 1) });
    }

    // ---- sleep ----

    int api_sleep(lua_State* state)
    {
        const double delay = luaL_checknumber(state, 1);
        luaL_argcheck(state, delay >= 0 && delay <= 60, 1, "seconds, at most a minute");
        return push_request(state,
            { .kind = Request::Kind::sleep,
                .delay
                = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(delay)) });
    }

    // ---- plugins.NAME.FUNCTION(…) ----

    int call_plugin(lua_State* state)
    {
        const std::string name(check_text(state, lua_upvalueindex(1)));
        if (!Script::of(state).world().has_function(name))
            return luaL_error(state,
                "no plugin offers the function %s on this host; see nuncioctl lua api",
                name.c_str());
        Value::Array arguments;
        const int count = lua_gettop(state);
        for (int i = 1; i <= count; ++i)
            arguments.push_back(check_plain(state, i));
        return push_request(
            state, { .kind = Request::Kind::call, .key = name, .value = std::move(arguments) });
    }

    int index_functions(lua_State* state)
    {
        lua_pushvalue(state, lua_upvalueindex(1));
        lua_pushliteral(state, ".");
        lua_pushstring(state, luaL_checkstring(state, 2));
        lua_concat(state, 3);
        lua_pushcclosure(state, call_plugin, 1);
        return 1;
    }

    int index_plugins(lua_State* state)
    {
        luaL_checkstring(state, 2);
        lua_newuserdatauv(state, 0, 0);
        lua_createtable(state, 0, 1);
        lua_pushvalue(state, 2);
        lua_pushcclosure(state, index_functions, 1);
        lua_setfield(state, -2, "__index");
        lua_setmetatable(state, -2);
        return 1;
    }

    // ---- nuncio.command(name, arguments) ----

    int api_command(lua_State* state)
    {
        const std::string name(check_text(state, 1));
        Value arguments = lua_isnoneornil(state, 2) ? Value() : check_plain(state, 2);
        // Lua does not tell an empty table from an empty list.
        if (arguments.is_null() || arguments == Value(Value::Array()))
            arguments = Value::Table();
        luaL_argcheck(state, arguments.kind() == Value::Kind::table, 2, "a table of arguments");
        const Script& script = Script::of(state);
        if (!script.may_command(name))
            return luaL_error(state,
                "this script may not call the command %s; `commands` of its table in "
                "plugins.lua.settings says which it may",
                name.c_str());
        Value::Array both { name, std::move(arguments) };
        return push_request(state,
            { .kind = Request::Kind::command,
                .owner = script.name(),
                .key = "nuncio.command",
                .value = std::move(both) });
    }

    // ---- await ----

    int push_answer(lua_State* state, const Result<Value>& answer)
    {
        if (answer) {
            push_plain(state, *answer);
            return 1;
        }
        lua_pushnil(state);
        lua_pushlstring(state, answer.error().text.data(), answer.error().text.size());
        return 2;
    }

    int api_await(lua_State* state)
    {
        auto& request = *static_cast<Request*>(luaL_checkudata(state, 1, request_type));
        Script& script = Script::of(state);
        const bool can_be_fake
            = request.kind == Request::Kind::call || request.kind == Request::Kind::command;
        if (script.is_test() && can_be_fake && call_fake(state, request))
            return 1;
        if (const auto answer = script.world().answer(request))
            return push_answer(state, *answer);
        Script::Call* const call = script.current();
        if (!call || script.is_loading())
            return luaL_error(state, "await belongs into a handler");
        if (!Machine::of(state).is_outermost(state))
            return luaL_error(state, "await works in the handler itself, not in a coroutine");
        if (call->waits >= script.bounds().waits)
            return luaL_error(
                state, "more than %d waits in one call (option waits)", int(script.bounds().waits));
        if (script.others_under_way() >= script.bounds().calls)
            return luaL_error(state, "%d of its calls wait already (option waiting_calls)",
                int(script.bounds().calls));
        ++call->waits;
        call->request = request;
        return lua_yield(state, 0); // goes on with the answer as its results
    }

    constexpr luaL_Reg store_functions[] = { { "get", store_get }, { "put", store_put },
        { "remove", store_remove }, { "list", store_list }, { nullptr, nullptr } };

}

void open_waiting_api(lua_State* state)
{
    luaL_newmetatable(state, request_type);
    lua_pushcfunction(state, collect_request);
    lua_setfield(state, -2, "__gc");
    lua_pop(state, 1);
    luaL_newlib(state, store_functions);
    lua_setglobal(state, "store");
    lua_register(state, "sleep", api_sleep);
    lua_register(state, "await", api_await);
    lua_getglobal(state, "nuncio");
    lua_pushcfunction(state, api_command);
    lua_setfield(state, -2, "command");
    lua_pop(state, 1);

    lua_newuserdatauv(state, 0, 0);
    lua_createtable(state, 0, 1);
    lua_pushcfunction(state, index_plugins);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, -2);
    lua_setglobal(state, "plugins");
}

}
