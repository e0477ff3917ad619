#include "element_object.h"

#include "api.h"

#include <string>

namespace nuncio::lua {

namespace {

    constexpr const char* element_type = "element";

    /// An element of a box's tree, as long as nothing is changed in it.
    struct ElementView {
        StanzaBox* box;
        std::uint64_t epoch;
        const Node* node;
    };

    ElementRef check_element(lua_State* state, ElementView*& view)
    {
        view = static_cast<ElementView*>(luaL_checkudata(state, 1, element_type));
        if (view->epoch != view->box->epoch())
            luaL_error(
                state, "this element is gone: its stanza was changed or has been dealt with");
        return ElementRef(view->node);
    }

    int element_child(lua_State* state)
    {
        ElementView* view = nullptr;
        const ElementRef element = check_element(state, view);
        const ElementRef child
            = find_child(element, optional_text(state, 2), optional_text(state, 3));
        lua_getiuservalue(state, 1, 1);
        push_element(state, -1, *view->box, child);
        return 1;
    }

    int element_children(lua_State* state)
    {
        ElementView* view = nullptr;
        const ElementRef element = check_element(state, view);
        lua_getiuservalue(state, 1, 1);
        return push_children(state, -1, *view->box, element);
    }

    int element_attr(lua_State* state)
    {
        ElementView* view = nullptr;
        push_or_nil(
            state, check_element(state, view).attr(check_text(state, 2), optional_text(state, 3)));
        return 1;
    }

    int element_index(lua_State* state)
    {
        ElementView* view = nullptr;
        const ElementRef element = check_element(state, view);
        const std::string_view key = check_text(state, 2);
        if (key == "name")
            push_or_nil(state, element.name());
        else if (key == "ns")
            push_or_nil(state, element.ns());
        else if (key == "text")
            push_or_nil(state, element.text());
        else
            luaL_getmetafield(state, 1, std::string(key).c_str());
        return 1;
    }

}

ElementRef find_child(ElementRef parent, std::string_view name, std::string_view ns)
{
    for (ElementRef child : parent)
        if ((name.empty() || child.name() == name) && (ns.empty() || child.ns() == ns))
            return child;
    return {};
}

void push_element(lua_State* state, int owner, StanzaBox& box, ElementRef element)
{
    if (!element)
        return lua_pushnil(state);
    owner = lua_absindex(state, owner);
    auto* view = static_cast<ElementView*>(lua_newuserdatauv(state, sizeof(ElementView), 1));
    *view = { &box, box.epoch(), element.node() };
    lua_pushvalue(state, owner);
    lua_setiuservalue(state, -2, 1);
    luaL_setmetatable(state, element_type);
}

int push_children(lua_State* state, int owner, StanzaBox& box, ElementRef parent)
{
    owner = lua_absindex(state, owner);
    lua_newtable(state);
    lua_Integer i = 0;
    for (ElementRef child : parent) {
        Machine::of(state).charge(state, 10);
        push_element(state, owner, box, child);
        lua_rawseti(state, -2, ++i);
    }
    return 1;
}

void open_elements(lua_State* state)
{
    luaL_newmetatable(state, element_type);
    constexpr luaL_Reg element_functions[]
        = { { "__index", element_index }, { "child", element_child },
              { "children", element_children }, { "attr", element_attr }, { nullptr, nullptr } };
    luaL_setfuncs(state, element_functions, 0);
    lua_pop(state, 1);
}

}
