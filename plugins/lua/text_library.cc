// string, utf8 and math: Lua's own functions where they are bounded, others where they are not.
#include "machine.h"
#include "pattern_library.h"
#include "sandbox.h"

#include <cctype>
#include <string_view>

namespace nuncio::lua {

namespace {

    /// Lua's own function behind a charge for the bytes that it is given.
    int charged(lua_State* state)
    {
        std::size_t bytes = 0;
        const int count = lua_gettop(state);
        for (int i = 1; i <= count; ++i)
            if (lua_type(state, i) == LUA_TSTRING)
                bytes += lua_rawlen(state, i);
        Machine::of(state).charge(state, std::int64_t(bytes / 8) + 1);
        return lua_tocfunction(state, lua_upvalueindex(1))(state);
    }

    /// Moves `names` from the table on top of the stack into the one below, charged.
    void take_charged(lua_State* state, std::initializer_list<const char*> names)
    {
        for (const char* name : names) {
            lua_getfield(state, -1, name);
            lua_pushcclosure(state, charged, 1);
            lua_setfield(state, -3, name);
        }
    }

    int string_rep(lua_State* state)
    {
        std::size_t size = 0, separator_size = 0;
        const char* const text = luaL_checklstring(state, 1, &size);
        const lua_Integer times = luaL_checkinteger(state, 2);
        const char* const separator = luaL_optlstring(state, 3, "", &separator_size);
        if (times <= 0) {
            lua_pushliteral(state, "");
            return 1;
        }
        const std::size_t memory = Machine::of(state).budget().memory;
        if (size + separator_size > memory / std::size_t(times))
            return luaL_error(state, "the text would be larger than all the memory of the script");
        Machine::of(state).charge(
            state, times + std::int64_t((size + separator_size) * std::size_t(times) / 16));
        luaL_Buffer buffer;
        luaL_buffinit(state, &buffer);
        for (lua_Integer i = 0; i < times; ++i) {
            if (i > 0)
                luaL_addlstring(&buffer, separator, separator_size);
            luaL_addlstring(&buffer, text, size);
        }
        luaL_pushresult(&buffer);
        return 1;
    }

    /// Lua's own format after its arguments were made texts, without addresses.
    int string_format(lua_State* state)
    {
        std::size_t size = 0;
        const char* const pattern = luaL_checklstring(state, 1, &size);
        std::size_t bytes = size;
        int argument = 1;
        for (std::size_t i = 0; i < size; ++i) {
            if (pattern[i] != '%')
                continue;
            if (i + 1 < size && pattern[i + 1] == '%') {
                ++i;
                continue;
            }
            ++argument;
            while (++i < size && !std::isalpha(static_cast<unsigned char>(pattern[i]))) { }
            if (i < size && pattern[i] == 'p')
                return luaL_error(state, "format has no %%p here");
            if (i < size && pattern[i] == 's' && argument <= lua_gettop(state)) {
                push_text(state, argument);
                lua_replace(state, argument);
            }
            if (lua_type(state, argument) == LUA_TSTRING)
                bytes += lua_rawlen(state, argument);
        }
        Machine::of(state).charge(state, std::int64_t(bytes / 8) + 5 * argument);
        return lua_tocfunction(state, lua_upvalueindex(1))(state);
    }

    int string_char(lua_State* state)
    {
        const int count = lua_gettop(state);
        Machine::of(state).charge(state, count);
        luaL_Buffer buffer;
        char* const out = luaL_buffinitsize(state, &buffer, std::size_t(count));
        for (int i = 1; i <= count; ++i) {
            const auto code = static_cast<lua_Unsigned>(luaL_checkinteger(state, i));
            luaL_argcheck(state, code <= 255, i, "value out of range");
            out[i - 1] = static_cast<char>(code);
        }
        luaL_pushresultsize(&buffer, std::size_t(count));
        return 1;
    }

    void open_string(lua_State* state)
    {
        lua_createtable(state, 0, 20);
        lua_pushcfunction(state, luaopen_string);
        lua_call(state, 0, 1); // sets the metatable of strings, too
        take_charged(state, { "byte", "len", "lower", "reverse", "sub", "upper" });
        lua_getfield(state, -1, "format");
        lua_pushcclosure(state, string_format, 1);
        lua_setfield(state, -3, "format");
        lua_pop(state, 1);
        lua_pushcfunction(state, string_rep);
        lua_setfield(state, -2, "rep");
        lua_pushcfunction(state, string_char);
        lua_setfield(state, -2, "char");
        add_pattern_functions(state);

        // ("text"):lower() finds the same functions; the metatable itself is out of reach.
        lua_pushliteral(state, "");
        lua_getmetatable(state, -1);
        lua_pushvalue(state, -3);
        lua_setfield(state, -2, "__index");
        lua_pop(state, 2);
        lua_setglobal(state, "string");
    }

    void open_utf8(lua_State* state)
    {
        lua_createtable(state, 0, 6);
        lua_pushcfunction(state, luaopen_utf8);
        lua_call(state, 0, 1);
        take_charged(state, { "char", "codepoint", "len", "offset" });
        lua_getfield(state, -1, "charpattern");
        lua_setfield(state, -3, "charpattern");
        // Its iterator runs once for each instruction of the loop and looks at one character.
        lua_getfield(state, -1, "codes");
        lua_setfield(state, -3, "codes");
        lua_pop(state, 1);
        lua_setglobal(state, "utf8");
    }

    void open_math(lua_State* state)
    {
        lua_pushcfunction(state, luaopen_math); // every function in it takes a moment
        lua_call(state, 0, 1);
        lua_pushnil(state);
        lua_setfield(state, -2, "randomseed");
        lua_setglobal(state, "math");
    }

}

void open_text(lua_State* state)
{
    open_string(state);
    open_utf8(state);
    open_math(state);
}

}
