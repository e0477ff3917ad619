// What a script says about itself: policy, config, on, test, require.
#include "api.h"
#include "convert.h"
#include "sandbox.h"
#include "script.h"

#include <nuncio/schema.h>

#include <algorithm>

namespace nuncio::lua {

namespace {

    constexpr const char* modules_key = "modules"; ///< of the registry: name → what it returned
    constexpr std::size_t most_handlers = 100;

    Script& loading(lua_State* state, const char* what)
    {
        Script& script = Script::of(state);
        if (!script.is_loading())
            luaL_error(state, "%s belongs outside of all functions", what);
        return script;
    }

    std::string_view text_field(lua_State* state, int index, const char* name)
    {
        lua_getfield(state, index, name); // stays on the stack, and with it its bytes
        return optional_text(state, -1);
    }

    int api_policy(lua_State* state)
    {
        Script& script = loading(state, "policy");
        luaL_checktype(state, 1, LUA_TTABLE);
        const std::string_view on_error = text_field(state, 1, "on_error");
        if (!on_error.empty() && on_error != "pass" && on_error != "refuse")
            return luaL_error(state, "on_error: expected \"pass\" or \"refuse\"");
        script.declare(std::string(text_field(state, 1, "summary")),
            on_error == "refuse" ? OnError::refuse : OnError::pass);
        return 0;
    }

    // ---- config ----

    Result<Value> read_duration(const Value& value)
    {
        Duration duration {};
        if (auto read = detail::read_value(value, duration); !read)
            return read.error();
        return Value(std::chrono::duration<double>(duration).count()); // scripts count in seconds
    }

    Result<Value> read_list(const Value& value)
    {
        if (value == Value(Value::Table())) // what an empty table of Lua looks like
            return Value(Value::Array());
        std::vector<std::string> list;
        if (auto read = detail::read_value(value, list); !read)
            return read.error();
        return value;
    }

    Result<Value> read_option(const std::string& type, const Value& value)
    {
        const auto expect = [&](Value::Kind kind) -> Result<Value> {
            if (value.kind() == kind)
                return value;
            return Error { "expected " + std::string(to_string(kind)) };
        };
        if (type == "boolean")
            return expect(Value::Kind::boolean);
        if (type == "integer")
            return expect(Value::Kind::integer);
        if (type == "string")
            return expect(Value::Kind::string);
        if (type == "number" && value.kind() == Value::Kind::integer)
            return Value(double(value.as_integer()));
        if (type == "number")
            return expect(Value::Kind::number);
        if (type == "duration")
            return read_duration(value);
        if (type == "list")
            return read_list(value);
        return Error { "its type is none of boolean, integer, number, string, duration, list" };
    }

    std::string check_bounds(lua_State* state, const Value& value)
    {
        const bool is_number
            = value.kind() == Value::Kind::integer || value.kind() == Value::Kind::number;
        for (const char* bound : { "min", "max" }) {
            lua_getfield(state, -1, bound);
            const bool has_bound = lua_isnumber(state, -1);
            const double limit = lua_tonumber(state, -1);
            lua_pop(state, 1);
            const double number = value.as_number();
            if (is_number && has_bound && (bound[1] == 'i' ? number < limit : number > limit))
                return nuncio::format("{} is {} than the {} of {}", number,
                    bound[1] == 'i' ? "less" : "more", bound[1] == 'i' ? "least" : "most", limit);
        }
        std::string problem;
        lua_getfield(state, -1, "choices");
        if (lua_istable(state, -1)) {
            const Value choices = check_plain(state, -1);
            if (std::ranges::find(choices.as_array(), value) == choices.as_array().end())
                problem = "expected one of " + choices.json();
        }
        lua_pop(state, 1);
        return problem;
    }

    /// The declaration of one option is on top of the stack; sets its value in the table below.
    void configure_one(lua_State* state, Script& script, const std::string& name)
    {
        if (!lua_istable(state, -1))
            luaL_error(state, "config.%s: expected { type =, default =, doc = }", name.c_str());
        ScriptOption option {
            .name = name, .type = std::string(text_field(state, -1, "type")), .doc = {}, .value = {}
        };
        lua_pop(state, 1);
        option.doc = std::string(text_field(state, -1, "doc"));
        lua_pop(state, 1);
        lua_getfield(state, -1, "default");
        const Value usual = check_plain(state, -1);
        lua_pop(state, 1);
        Value given = script.configured(option);
        const bool is_set = !given.is_null();
        auto value = read_option(option.type, is_set ? given : usual);
        std::string problem = value ? check_bounds(state, *value) : value.error().text;
        if (!problem.empty()) {
            const std::string place = given.place().text();
            problem
                = (place.empty() ? "" : place + ": ") + script.name() + '.' + name + ": " + problem;
            lua_pushlstring(state, problem.data(), problem.size());
            lua_error(state);
        }
        script.set_option_value(*value);
        lua_pushlstring(state, name.data(), name.size());
        push_plain(state, *value);
        lua_rawset(state, -5); // the table of values: below declarations' key and value
    }

    int api_config(lua_State* state)
    {
        Script& script = loading(state, "config");
        luaL_checktype(state, 1, LUA_TTABLE);
        lua_settop(state, 1);
        lua_newtable(state); // the values
        // In the order of their names, so that what is told about them does not change.
        std::vector<std::string> names;
        lua_pushnil(state);
        while (lua_next(state, 1)) {
            if (lua_type(state, -2) != LUA_TSTRING)
                return luaL_error(state, "the names of options are texts");
            names.emplace_back(lua_tostring(state, -2));
            lua_pop(state, 1);
        }
        std::ranges::sort(names);
        for (const std::string& name : names) {
            lua_pushnil(state); // takes the key's place
            lua_getfield(state, 1, name.c_str());
            configure_one(state, script, name);
            lua_pop(state, 2);
        }
        return 1;
    }

    // ---- on and test ----

    int keep_function(lua_State* state, int index)
    {
        luaL_checktype(state, index, LUA_TFUNCTION);
        lua_pushvalue(state, index);
        return luaL_ref(state, LUA_REGISTRYINDEX);
    }

    int api_on(lua_State* state)
    {
        Script& script = loading(state, "on");
        const auto event = read_event(check_text(state, 1));
        if (!event)
            return luaL_error(state, "there is no event \"%s\"; there are: %s",
                lua_tostring(state, 1), known_events().c_str());
        const bool has_options = !lua_isfunction(state, 2);
        Script::Handler handler { .event = *event };
        if (has_options) {
            luaL_checktype(state, 2, LUA_TTABLE);
            if (const auto host = text_field(state, 2, "host");
                !host.empty() && host != script.world().host())
                return 0;
            const std::string_view stage = text_field(state, 2, "stage");
            if (stage == "early")
                handler.stage = Stage::early;
            else if (stage == "late")
                handler.stage = Stage::late;
            else if (!stage.empty() && stage != "normal")
                return luaL_error(state, "stage: expected \"early\", \"normal\" or \"late\"");
            lua_getfield(state, 2, "priority");
            handler.priority = int(luaL_optinteger(state, -1, 0));
        }
        if (script.handlers().size() >= most_handlers)
            return luaL_error(state, "more than %d handlers", int(most_handlers));
        handler.function = keep_function(state, has_options ? 3 : 2);
        script.add_handler(handler);
        return 0;
    }

    int api_test(lua_State* state)
    {
        Script& script = loading(state, "test");
        const std::string_view name = check_text(state, 1);
        luaL_checktype(state, 2, LUA_TFUNCTION);
        if (script.is_test())
            script.add_test({ std::string(name), keep_function(state, 2) });
        return 0;
    }

    // ---- require ----

    int api_require(lua_State* state)
    {
        const std::string name(check_text(state, 1));
        lua_getfield(state, LUA_REGISTRYINDEX, modules_key);
        if (lua_getfield(state, -1, name.c_str()) != LUA_TNIL)
            return 1;
        Script& script = loading(state, "require");
        auto text = script.library()->read(name);
        if (!text)
            return luaL_error(state, "%s", text.error().text.c_str());
        lua_pop(state, 1);
        // Who requires itself in a circle hears it, instead of nesting for ever.
        lua_pushboolean(state, false);
        lua_setfield(state, -2, name.c_str());
        if (!compile(state, *text, name + ".lua"))
            return lua_error(state);
        lua_call(state, 0, 1);
        if (lua_isnil(state, -1)) {
            lua_pop(state, 1);
            lua_pushboolean(state, true);
        }
        lua_pushvalue(state, -1);
        lua_setfield(state, -3, name.c_str());
        return 1;
    }

}

void open_policy_api(lua_State* state)
{
    lua_newtable(state);
    lua_setfield(state, LUA_REGISTRYINDEX, modules_key);
    lua_register(state, "policy", api_policy);
    lua_register(state, "config", api_config);
    lua_register(state, "on", api_on);
    lua_register(state, "test", api_test);
    lua_register(state, "require", api_require);
}

}
