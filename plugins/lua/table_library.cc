// The table functions, without metamethods and paid for: Lua's own run in C for as long as a
// script's __index likes, which no counting hook sees.
#include "machine.h"
#include "sandbox.h"

#include <string_view>

namespace nuncio::lua {

namespace {

    lua_Integer length_of(lua_State* state, int index)
    {
        luaL_checktype(state, index, LUA_TTABLE);
        return lua_Integer(lua_rawlen(state, index));
    }

    void charge(lua_State* state, lua_Integer steps)
    {
        Machine::of(state).charge(state, steps + 1);
    }

    /// The number of items from `first` to `last`, at most what a budget could ever pay.
    lua_Integer span_of(lua_State* state, lua_Integer first, lua_Integer last)
    {
        if (first > last)
            return 0;
        const auto count = std::uint64_t(last) - std::uint64_t(first);
        if (count >= 100'000'000)
            luaL_error(state, "too many items");
        return lua_Integer(count) + 1;
    }

    int table_insert(lua_State* state)
    {
        const lua_Integer end = length_of(state, 1) + 1;
        if (lua_gettop(state) == 2) {
            charge(state, 1);
            lua_rawseti(state, 1, end);
            return 0;
        }
        if (lua_gettop(state) != 3)
            return luaL_error(state, "wrong number of arguments to insert");
        const lua_Integer at = luaL_checkinteger(state, 2);
        luaL_argcheck(state, at >= 1 && at <= end, 2, "position out of bounds");
        charge(state, end - at);
        for (lua_Integer i = end; i > at; --i) {
            lua_rawgeti(state, 1, i - 1);
            lua_rawseti(state, 1, i);
        }
        lua_rawseti(state, 1, at);
        return 0;
    }

    int table_remove(lua_State* state)
    {
        const lua_Integer size = length_of(state, 1);
        lua_Integer at = luaL_optinteger(state, 2, size);
        if (!lua_isnoneornil(state, 2))
            luaL_argcheck(state,
                size + 1 == at || (at >= 1 && at <= size + 1) || (size == 0 && at == 0), 2,
                "position out of bounds");
        charge(state, size > at ? size - at : 0);
        lua_rawgeti(state, 1, at);
        for (; at < size; ++at) {
            lua_rawgeti(state, 1, at + 1);
            lua_rawseti(state, 1, at);
        }
        lua_pushnil(state);
        lua_rawseti(state, 1, at);
        return 1;
    }

    int table_concat(lua_State* state)
    {
        const lua_Integer size = length_of(state, 1);
        std::size_t separator_size = 0;
        const char* const separator = luaL_optlstring(state, 2, "", &separator_size);
        lua_Integer i = luaL_optinteger(state, 3, 1);
        const lua_Integer last = luaL_optinteger(state, 4, size);
        charge(state, span_of(state, i, last));
        luaL_Buffer buffer;
        luaL_buffinit(state, &buffer);
        std::size_t bytes = 0;
        for (; i <= last; ++i) {
            const int type = lua_rawgeti(state, 1, i);
            if (type != LUA_TSTRING && type != LUA_TNUMBER)
                return luaL_error(
                    state, "the item at %I is a %s, not text", i, lua_typename(state, type));
            std::size_t item = 0;
            lua_tolstring(state, -1, &item);
            luaL_addvalue(&buffer);
            if (i < last)
                luaL_addlstring(&buffer, separator, separator_size);
            bytes += item + separator_size;
        }
        luaL_pushresult(&buffer);
        charge(state, lua_Integer(bytes / 16));
        return 1;
    }

    int table_pack(lua_State* state)
    {
        const int count = lua_gettop(state);
        charge(state, count);
        lua_createtable(state, count, 1);
        lua_insert(state, 1);
        for (int i = count; i >= 1; --i)
            lua_rawseti(state, 1, i);
        lua_pushinteger(state, count);
        lua_setfield(state, 1, "n");
        return 1;
    }

    int table_unpack(lua_State* state)
    {
        const lua_Integer size = length_of(state, 1);
        lua_Integer i = luaL_optinteger(state, 2, 1);
        const lua_Integer last = luaL_optinteger(state, 3, size);
        const lua_Integer count = span_of(state, i, last);
        charge(state, count);
        if (count > 100'000 || !lua_checkstack(state, int(count)))
            return luaL_error(state, "too many results to unpack");
        for (lua_Integer n = 0; n < count; ++n)
            lua_rawgeti(state, 1, i + n);
        return int(count);
    }

    int table_move(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TTABLE);
        const lua_Integer first = luaL_checkinteger(state, 2);
        const lua_Integer last = luaL_checkinteger(state, 3);
        const lua_Integer to = luaL_checkinteger(state, 4);
        const int target = lua_isnoneornil(state, 5) ? 1 : 5;
        luaL_checktype(state, target, LUA_TTABLE);
        const lua_Integer count = span_of(state, first, last);
        luaL_argcheck(state, to <= LUA_MAXINTEGER - count, 4, "destination wraps around");
        charge(state, count);
        const bool forwards = to <= first || target != 1;
        for (lua_Integer n = 0; n < count; ++n) {
            const lua_Integer offset = forwards ? n : count - 1 - n;
            lua_rawgeti(state, 1, first + offset);
            lua_rawseti(state, target, to + offset);
        }
        lua_pushvalue(state, target);
        return 1;
    }

    // ---- sort: a heap sort, which no order function can make slow ----

    /// Is the value at `a` before the one at `b` (stack indices)?
    bool is_before(lua_State* state, int a, int b)
    {
        charge(state, 2);
        if (lua_isnil(state, 2))
            return lua_compare(state, a, b, LUA_OPLT);
        a = lua_absindex(state, a);
        b = lua_absindex(state, b);
        lua_pushvalue(state, 2);
        lua_pushvalue(state, a);
        lua_pushvalue(state, b);
        lua_call(state, 2, 1);
        const bool answer = lua_toboolean(state, -1);
        lua_pop(state, 1);
        return answer;
    }

    /// Sinks the value on top of the stack into the heap of `size` items, from the hole at `hole`.
    void sink(lua_State* state, lua_Integer hole, lua_Integer size)
    {
        for (lua_Integer child; (child = 2 * hole) <= size; hole = child) {
            lua_rawgeti(state, 1, child);
            if (child < size) {
                lua_rawgeti(state, 1, child + 1);
                if (is_before(state, -2, -1)) {
                    ++child;
                    lua_remove(state, -2);
                } else {
                    lua_pop(state, 1);
                }
            }
            if (!is_before(state, -2, -1)) {
                lua_pop(state, 1);
                break;
            }
            lua_rawseti(state, 1, hole);
        }
        lua_rawseti(state, 1, hole);
    }

    int table_sort(lua_State* state)
    {
        lua_Integer size = length_of(state, 1);
        if (!lua_isnoneornil(state, 2))
            luaL_checktype(state, 2, LUA_TFUNCTION);
        lua_settop(state, 2);
        for (lua_Integer i = size / 2; i >= 1; --i) {
            lua_rawgeti(state, 1, i);
            sink(state, i, size);
        }
        for (; size > 1; --size) {
            lua_rawgeti(state, 1, size);
            lua_rawgeti(state, 1, 1);
            lua_rawseti(state, 1, size);
            sink(state, 1, size - 1);
        }
        return 0;
    }

    constexpr luaL_Reg table_functions[] = { { "concat", table_concat }, { "insert", table_insert },
        { "move", table_move }, { "pack", table_pack }, { "remove", table_remove },
        { "sort", table_sort }, { "unpack", table_unpack }, { nullptr, nullptr } };

}

void open_table(lua_State* state)
{
    luaL_newlib(state, table_functions);
    lua_setglobal(state, "table");
}

}
