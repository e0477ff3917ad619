// The server around a script: nuncio, log, time, jid, timers.
#include "api.h"
#include "sandbox.h"
#include "script.h"

#include <nuncio/abi.h>

#include <chrono>
#include <cmath>

namespace nuncio::lua {

namespace {

    // ---- log ----

    template <Log::Level level>
    int api_log(lua_State* state)
    {
        Script& script = Script::of(state);
        const int count = lua_gettop(state);
        std::string line;
        for (int i = 1; i <= count && line.size() < 1000; ++i) {
            push_text(state, i);
            line += i > 1 ? " " : "";
            line += check_text(state, -1);
            lua_pop(state, 1);
        }
        Machine::of(state).charge(state, 200);
        script.world().log(script, level, line);
        return 0;
    }

    // ---- time ----

    double seconds(WallTime time)
    {
        return double(time.time_since_epoch().count()) / 1000;
    }

    int time_now(lua_State* state)
    {
        lua_pushnumber(state, seconds(Script::of(state).world().wall_time()));
        return 1;
    }

    /// A time as a calendar tells it, minutes away from UTC.
    int time_date(lua_State* state)
    {
        using namespace std::chrono;
        const double when
            = luaL_optnumber(state, 1, seconds(Script::of(state).world().wall_time()));
        const double offset = luaL_optnumber(state, 2, 0);
        luaL_argcheck(state, std::abs(when) < 1e11, 1, "out of range");
        luaL_argcheck(state, std::abs(offset) <= 24 * 60, 2, "minutes, at most a day");
        const sys_seconds at(std::chrono::seconds(std::int64_t(std::floor(when + offset * 60))));
        const auto day = floor<days>(at);
        const year_month_day date(day);
        const hh_mm_ss clock(at - day);
        const auto set = [&](const char* name, lua_Integer value) {
            lua_pushinteger(state, value);
            lua_setfield(state, -2, name);
        };
        lua_createtable(state, 0, 7);
        set("year", int(date.year()));
        set("month", unsigned(date.month()));
        set("day", unsigned(date.day()));
        set("hour", clock.hours().count());
        set("minute", clock.minutes().count());
        set("second", clock.seconds().count());
        set("weekday", lua_Integer(weekday(day).iso_encoding())); // Monday is 1
        return 1;
    }

    // ---- jid ----

    int api_jid(lua_State* state)
    {
        const std::string_view text = check_text(state, 1);
        Machine::of(state).charge(state, 20 + std::int64_t(text.size()));
        const auto jid = Jid::parse(text);
        if (!jid) {
            lua_pushnil(state);
            lua_pushlstring(state, jid.error().text.data(), jid.error().text.size());
            return 2;
        }
        const auto set = [&](const char* name, std::string_view value) {
            if (value.empty())
                return;
            lua_pushlstring(state, value.data(), value.size());
            lua_setfield(state, -2, name);
        };
        lua_createtable(state, 0, 5);
        set("full", jid->text());
        set("bare", jid->bare_text());
        set("user", jid->local());
        set("domain", jid->domain());
        set("resource", jid->resource());
        return 1;
    }

    // ---- Timers ----

    int start_timer(lua_State* state, bool repeats)
    {
        Script& script = Script::of(state);
        const double delay = luaL_checknumber(state, 1);
        luaL_argcheck(state, delay >= (repeats ? 1 : 0) && delay <= 366 * 86400.0, 1,
            "seconds, at most a year; a period of at least one");
        luaL_checktype(state, 2, LUA_TFUNCTION);
        if (script.timers >= script.bounds().timers)
            return luaL_error(
                state, "more than %d timers (option timers)", int(script.bounds().timers));
        lua_pushvalue(state, 2);
        const int function = luaL_ref(state, LUA_REGISTRYINDEX);
        ++script.timers;
        const auto wait
            = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(delay));
        script.world().start_timer(script, wait, repeats ? wait : Duration::zero(), function);
        return 0;
    }

    int api_after(lua_State* state)
    {
        return start_timer(state, false);
    }

    int api_every(lua_State* state)
    {
        return start_timer(state, true);
    }

    int random_id(lua_State* state)
    {
        const std::string id = Script::of(state).world().random_id();
        lua_pushlstring(state, id.data(), id.size());
        return 1;
    }

    constexpr luaL_Reg log_functions[] = { { "debug", api_log<Log::Level::debug> },
        { "info", api_log<Log::Level::info> }, { "warn", api_log<Log::Level::warn> },
        { "error", api_log<Log::Level::error> }, { nullptr, nullptr } };
    constexpr luaL_Reg time_functions[]
        = { { "now", time_now }, { "date", time_date }, { nullptr, nullptr } };

}

void open_server_api(lua_State* state)
{
    luaL_newlib(state, log_functions);
    lua_setglobal(state, "log");
    lua_register(state, "print", api_log<Log::Level::info>);
    luaL_newlib(state, time_functions);
    lua_setglobal(state, "time");
    lua_register(state, "jid", api_jid);
    lua_register(state, "after", api_after);
    lua_register(state, "every", api_every);

    const std::string_view host = Script::of(state).world().host();
    lua_createtable(state, 0, 4);
    lua_pushlstring(state, host.data(), host.size());
    lua_setfield(state, -2, "host");
    lua_pushstring(state, sdk_version);
    lua_setfield(state, -2, "version");
    lua_pushcfunction(state, random_id);
    lua_setfield(state, -2, "random_id");
    lua_newtable(state);
    lua_setfield(state, -2, "state");
    lua_setglobal(state, "nuncio");
}

}
