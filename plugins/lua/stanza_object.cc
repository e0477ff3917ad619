#include "stanza_object.h"

#include "api.h"
#include "element_object.h"
#include "machine.h"
#include "stanza_fields.h"

#include <new>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::lua {

namespace {

    constexpr const char* stanza_type = "stanza";

    // ---- What a stanza is asked ----

    enum class Key : lua_Integer {
        kind,
        type,
        id,
        lang,
        to,
        from,
        to_bare,
        from_bare,
        to_user,
        from_user,
        to_domain,
        from_domain,
        to_resource,
        from_resource,
        body,
        subject
    };

    constexpr struct {
        const char* name;
        Key key;
    } keys[] = { { "kind", Key::kind }, { "type", Key::type }, { "id", Key::id },
        { "lang", Key::lang }, { "to", Key::to }, { "from", Key::from },
        { "to_bare", Key::to_bare }, { "from_bare", Key::from_bare }, { "to_user", Key::to_user },
        { "from_user", Key::from_user }, { "to_domain", Key::to_domain },
        { "from_domain", Key::from_domain }, { "to_resource", Key::to_resource },
        { "from_resource", Key::from_resource }, { "body", Key::body },
        { "subject", Key::subject } };

    void push_value(lua_State* state, const Stanza& stanza, Key key)
    {
        switch (key) {
        case Key::kind:
            return push_or_nil(state, to_string(stanza.kind()));
        case Key::type:
            // RFC 6121 §5.2.2: a message without a type is a normal one.
            if (stanza.is_message() && stanza.type() == Stanza::Type::none)
                return push_or_nil(state, "normal");
            return push_or_nil(state, to_string(stanza.type()));
        case Key::id:
            return push_or_nil(state, stanza.id());
        case Key::lang:
            return push_or_nil(state, stanza.lang());
        case Key::to:
            return push_or_nil(state, stanza.to().text());
        case Key::from:
            return push_or_nil(state, stanza.from().text());
        case Key::to_bare:
            return push_or_nil(state, stanza.to().bare_text());
        case Key::from_bare:
            return push_or_nil(state, stanza.from().bare_text());
        case Key::to_user:
            return push_or_nil(state, stanza.to().local());
        case Key::from_user:
            return push_or_nil(state, stanza.from().local());
        case Key::to_domain:
            return push_or_nil(state, stanza.to().domain());
        case Key::from_domain:
            return push_or_nil(state, stanza.from().domain());
        case Key::to_resource:
            return push_or_nil(state, stanza.to().resource());
        case Key::from_resource:
            return push_or_nil(state, stanza.from().resource());
        case Key::body:
            // A view where there is one piece, which is the ordinary case.
            if (const ElementRef body = stanza.child("body"); body && !body.has_attr("lang", ns_xml)
                && body.node()->first_child == body.node()->last_child)
                return push_or_nil(state, body.text_view());
            return push_or_nil(state, stanza.body());
        case Key::subject:
            return push_or_nil(state, stanza.child("subject").text());
        }
    }

    int stanza_index(lua_State* state)
    {
        // Only the metatable has this function, so the first argument needs no looking at.
        const auto& box = *static_cast<StanzaBox*>(lua_touserdata(state, 1));
        if (box.is_empty())
            check_box(state, 1); // raises
        lua_settop(state, 2);
        lua_rawget(state, lua_upvalueindex(1));
        if (lua_isinteger(state, -1))
            push_value(state, box.read(), static_cast<Key>(lua_tointeger(state, -1)));
        return 1; // a method, a value, or nil
    }

    int stanza_newindex(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        const std::string_view key = check_text(state, 2);
        const std::string_view value = optional_text(state, 3);
        check_xml_text(state, value);
        if (key == "body" || key == "subject")
            set_child_text(box.write(), key, {}, value);
        else if (key == "id")
            box.write().set_id(value);
        else if (key == "lang")
            box.write().set_lang(value);
        else if (key == "type") {
            const auto type = read_type(box.read().kind(), value);
            luaL_argcheck(state, type.has_value(), 3, "not a type of this kind of stanza");
            box.write().set_type(*type);
        } else
            return luaL_error(state,
                "%s of a stanza cannot be set; `redirect` changes where it goes",
                lua_tostring(state, 2));
        box.account();
        return 0;
    }

    // ---- Methods ----

    int stanza_child(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        push_element(state, 1, box,
            find_child(box.read().element(), optional_text(state, 2), optional_text(state, 3)));
        return 1;
    }

    int stanza_children(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        return push_children(state, 1, box, box.read().element());
    }

    int stanza_has(lua_State* state)
    {
        const StanzaBox& box = check_box(state, 1);
        lua_pushboolean(state,
            bool(find_child(
                box.read().element(), optional_text(state, 2), optional_text(state, 3))));
        return 1;
    }

    int stanza_text(lua_State* state)
    {
        const StanzaBox& box = check_box(state, 1);
        push_or_nil(state,
            find_child(box.read().element(), check_text(state, 2), optional_text(state, 3)).text());
        return 1;
    }

    int stanza_set_text(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        const std::string_view text = optional_text(state, 4);
        check_xml_text(state, text);
        set_child_text(box.write(), check_text(state, 2), optional_text(state, 3), text);
        box.account();
        return 0;
    }

    int stanza_remove(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        const std::string_view name = check_text(state, 2);
        const std::string_view ns = optional_text(state, 3);
        lua_Integer count = 0;
        while (find_child(box.read().element(), name, ns)) {
            Element& element = box.write().element();
            element.remove_child(find_child(element, name, ns));
            Machine::of(state).charge(state, 10);
            ++count;
        }
        box.account();
        lua_pushinteger(state, count);
        return 1;
    }

    /// Raises outside of the scope that owns C++ objects with memory.
    int stanza_add(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        const std::string_view xml = check_text(state, 2);
        Machine::of(state).charge(state, std::int64_t(xml.size()));
        auto element = parse_element(xml);
        if (!element)
            return luaL_error(state, "no element: %s", element.error().text.c_str());
        box.write().element().append(*element);
        box.account();
        return 0;
    }

    int stanza_xml(lua_State* state)
    {
        const std::string xml = check_box(state, 1).read().xml();
        Machine::of(state).charge(state, std::int64_t(xml.size() / 4));
        lua_pushlstring(state, xml.data(), xml.size());
        return 1;
    }

    int stanza_collect(lua_State* state)
    {
        static_cast<StanzaBox*>(lua_touserdata(state, 1))->~StanzaBox();
        return 0;
    }

    int stanza_tostring(lua_State* state)
    {
        lua_pushliteral(state, "stanza");
        return 1;
    }

    constexpr luaL_Reg methods[]
        = { { "add", stanza_add }, { "child", stanza_child }, { "children", stanza_children },
              { "has", stanza_has }, { "remove", stanza_remove }, { "set_text", stanza_set_text },
              { "text", stanza_text }, { "xml", stanza_xml }, { nullptr, nullptr } };

    template <Stanza::Kind kind>
    int build(lua_State* state)
    {
        luaL_checktype(state, 1, LUA_TTABLE);
        lua_settop(state, 1);
        StanzaBox& box = push_box(state);
        box.own(check_built(state, 1, kind));
        lua_settop(state, 2);
        return 1;
    }

}

StanzaBox& push_box(lua_State* state)
{
    void* const memory = lua_newuserdatauv(state, sizeof(StanzaBox), 0);
    auto* const box = ::new (memory) StanzaBox(Machine::of(state));
    luaL_setmetatable(state, stanza_type);
    return *box;
}

StanzaBox* test_box(lua_State* state, int index)
{
    return static_cast<StanzaBox*>(luaL_testudata(state, index, stanza_type));
}

StanzaBox& check_box(lua_State* state, int index)
{
    auto* const box = static_cast<StanzaBox*>(luaL_checkudata(state, index, stanza_type));
    if (box->is_empty())
        luaL_error(state, "this stanza has been dealt with: a handler sees it only while it runs");
    return *box;
}

void open_stanza(lua_State* state)
{
    luaL_newmetatable(state, stanza_type);
    lua_pushcfunction(state, stanza_collect);
    lua_setfield(state, -2, "__gc");
    lua_pushcfunction(state, stanza_tostring);
    lua_setfield(state, -2, "__tostring");
    lua_pushcfunction(state, stanza_newindex);
    lua_setfield(state, -2, "__newindex");
    lua_newtable(state);
    for (const auto& [name, key] : keys) {
        lua_pushinteger(state, static_cast<lua_Integer>(key));
        lua_setfield(state, -2, name);
    }
    luaL_setfuncs(state, methods, 0);
    lua_pushcclosure(state, stanza_index, 1);
    lua_setfield(state, -2, "__index");
    lua_pop(state, 1);

    open_elements(state);
    lua_register(state, "message", build<Stanza::Kind::message>);
    lua_register(state, "presence", build<Stanza::Kind::presence>);
    lua_register(state, "iq", build<Stanza::Kind::iq>);
}

}
