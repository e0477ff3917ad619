#include "convert.h"

#include "machine.h"
#include "sendable.h"

#include <string>
#include <utility>

namespace nuncio::lua {

namespace {

    constexpr int most_depth = 16;

    Value read(lua_State* state, int index, int depth);

    Value read_table(lua_State* state, int index, int depth)
    {
        if (depth >= most_depth)
            luaL_error(state, "data nests deeper than %d levels", most_depth);
        luaL_checkstack(state, 4, "data");
        if (const auto size = lua_Integer(lua_rawlen(state, index)); size > 0) {
            Value::Array items;
            for (lua_Integer i = 1; i <= size; ++i) {
                lua_rawgeti(state, index, i);
                items.push_back(read(state, lua_gettop(state), depth + 1));
                lua_pop(state, 1);
            }
            return items;
        }
        Value::Table members;
        lua_pushnil(state);
        while (lua_next(state, index)) {
            if (lua_type(state, -2) != LUA_TSTRING)
                luaL_error(state, "the keys of plain data are texts");
            std::size_t size = 0;
            const char* const key = lua_tolstring(state, -2, &size);
            members.emplace_back(std::string(key, size), read(state, lua_gettop(state), depth + 1));
            lua_pop(state, 1);
        }
        return members;
    }

    Value read(lua_State* state, int index, int depth)
    {
        Machine::of(state).charge(state, 5);
        switch (lua_type(state, index)) {
        case LUA_TNONE:
        case LUA_TNIL:
            return {};
        case LUA_TBOOLEAN:
            return bool(lua_toboolean(state, index));
        case LUA_TNUMBER:
            if (lua_isinteger(state, index))
                return std::int64_t(lua_tointeger(state, index));
            return double(lua_tonumber(state, index));
        case LUA_TSTRING: {
            std::size_t size = 0;
            const char* const text = lua_tolstring(state, index, &size);
            Machine::of(state).charge(state, std::int64_t(size / 8));
            if (!is_sendable({ text, size }))
                luaL_error(state, "a text is no UTF-8, or has control characters");
            return std::string(text, size);
        }
        case LUA_TTABLE:
            return read_table(state, index, depth);
        default:
            luaL_error(state, "a %s is no plain data", luaL_typename(state, index));
            return {};
        }
    }

}

Value check_plain(lua_State* state, int index)
{
    return read(state, lua_absindex(state, index), 0);
}

void push_plain(lua_State* state, const Value& value)
{
    luaL_checkstack(state, 4, "data");
    switch (value.kind()) {
    case Value::Kind::null:
        return lua_pushnil(state);
    case Value::Kind::boolean:
        return lua_pushboolean(state, value.as_bool());
    case Value::Kind::integer:
        return lua_pushinteger(state, value.as_integer());
    case Value::Kind::number:
        return lua_pushnumber(state, value.as_number());
    case Value::Kind::string:
        lua_pushlstring(state, value.as_string().data(), value.as_string().size());
        return;
    case Value::Kind::array: {
        lua_createtable(state, int(value.as_array().size()), 0);
        lua_Integer i = 0;
        for (const Value& item : value.as_array()) {
            push_plain(state, item);
            lua_rawseti(state, -2, ++i);
        }
        return;
    }
    case Value::Kind::table:
        lua_createtable(state, 0, int(value.as_table().size()));
        for (const auto& [key, member] : value.as_table()) {
            lua_pushlstring(state, key.data(), key.size());
            push_plain(state, member);
            lua_rawset(state, -3);
        }
        return;
    }
}

}
