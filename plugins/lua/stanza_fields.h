// Building and changing stanzas for scripts, with every value checked.
#pragma once

#include <nuncio/stanza.h>

#include <lua.hpp>
#include <optional>
#include <string_view>

namespace nuncio::lua {

/// The type of this name if stanzas of the kind may have it.
std::optional<Stanza::Type> read_type(Stanza::Kind kind, std::string_view name);
/// Raises unless XML can carry the text.
void check_xml_text(lua_State* state, std::string_view text);
/// Replaces the children of this name by one with this text, or by none. An empty `ns` is the
/// stanza's own.
void set_child_text(
    Stanza& stanza, std::string_view name, std::string_view ns, std::string_view text);
/// Builds a stanza from a table { to=, from=, type=, id=, body=, subject=, xml= }. Raises what is
/// wrong with it. Leaves values on the stack.
Stanza check_built(lua_State* state, int index, Stanza::Kind kind);

}
