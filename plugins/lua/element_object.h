// Elements of a stanza as scripts see them: to be read while the stanza is there and unchanged.
#pragma once

#include "stanza_object.h"

#include <string_view>

namespace nuncio::lua {

void open_elements(lua_State* state);

/// The first child with this name in this namespace; an empty name or namespace matches any.
ElementRef find_child(ElementRef parent, std::string_view name, std::string_view ns);
/// Pushes a view of an element of the box at `owner` on the stack, which lives as long as that; nil
/// for none.
void push_element(lua_State* state, int owner, StanzaBox& box, ElementRef element);
/// Pushes a list of the children, and answers 1.
int push_children(lua_State* state, int owner, StanzaBox& box, ElementRef parent);

}
