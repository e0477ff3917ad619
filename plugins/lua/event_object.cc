// The `event` of a handler: what is known besides the stanza.
#include "api.h"
#include "script.h"

namespace nuncio::lua {

namespace {

    constexpr const char* event_type = "event";

    const Subject& subject_of(lua_State* state)
    {
        return (*static_cast<Script::Call**>(luaL_checkudata(state, 1, event_type)))->subject;
    }

    /// A field of a registration: of the data form (XEP-0077 §4) or of the query itself.
    int event_field(lua_State* state)
    {
        const ElementRef form = subject_of(state).form;
        const std::string_view name = check_text(state, 2);
        for (ElementRef field : form.child("x", "jabber:x:data"))
            if (field.attr("var") == name) {
                push_or_nil(state, field.child("value").text());
                return 1;
            }
        push_or_nil(state, form.child(name).text());
        return 1;
    }

    int event_index(lua_State* state)
    {
        const Subject& subject = subject_of(state);
        const std::string_view key = check_text(state, 2);
        if (key == "address")
            push_or_nil(state, subject.address);
        else if (key == "jid")
            push_or_nil(state, subject.jid);
        else if (key == "user")
            push_or_nil(state, subject.user);
        else if (key == "mechanism")
            push_or_nil(state, subject.mechanism);
        else if (key == "encrypted")
            lua_pushboolean(state, subject.is_encrypted);
        else if (key == "field")
            lua_pushcfunction(state, event_field);
        else
            lua_pushnil(state);
        return 1;
    }

}

void push_event(lua_State* state, Script::Call& call)
{
    *static_cast<Script::Call**>(lua_newuserdatauv(state, sizeof(Script::Call*), 0)) = &call;
    luaL_setmetatable(state, event_type);
}

void open_events(lua_State* state)
{
    luaL_newmetatable(state, event_type);
    lua_pushcfunction(state, event_index);
    lua_setfield(state, -2, "__index");
    lua_pop(state, 1);
}

}
