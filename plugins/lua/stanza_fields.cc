// Building and changing stanzas for scripts, with every value checked.
#include "stanza_fields.h"

#include "api.h"
#include "machine.h"
#include "sendable.h"

#include <string>

namespace nuncio::lua {

namespace {

    std::string_view field(lua_State* state, int index, const char* name)
    {
        lua_getfield(state, index, name); // stays on the stack, and with it its bytes
        return optional_text(state, -1);
    }

    Jid check_address(lua_State* state, const char* name, std::string_view text)
    {
        auto jid = Jid::parse(text);
        if (!jid)
            luaL_error(state, "%s: %s", name, jid.error().text.c_str());
        return *std::move(jid);
    }

}

void set_child_text(
    Stanza& stanza, std::string_view name, std::string_view ns, std::string_view text)
{
    Element& element = stanza.element();
    if (ns.empty())
        ns = element.ns();
    while (const ElementRef old = element.child(name, ns))
        element.remove_child(old);
    if (!text.empty())
        element.add(name, ns).text(text);
}

std::optional<Stanza::Type> read_type(Stanza::Kind kind, std::string_view name)
{
    using enum Stanza::Type;
    if (name.empty() && kind == Stanza::Kind::presence)
        return none;
    for (const auto type : { get, set, result, error, normal, chat, groupchat, headline,
             unavailable, subscribe, subscribed, unsubscribe, unsubscribed, probe }) {
        if (to_string(type) != name)
            continue;
        const bool of_iq = type == get || type == set || type == result;
        const bool of_message
            = type == normal || type == chat || type == groupchat || type == headline;
        const bool fits = type == error || (kind == Stanza::Kind::iq && of_iq)
            || (kind == Stanza::Kind::message && of_message)
            || (kind == Stanza::Kind::presence && !of_iq && !of_message);
        if (fits)
            return type;
    }
    return {};
}

void check_xml_text(lua_State* state, std::string_view text)
{
    Machine::of(state).charge(state, std::int64_t(text.size() / 8));
    if (!is_sendable(text))
        luaL_error(state, "the text is no UTF-8, or has control characters");
}

Stanza check_built(lua_State* state, int index, Stanza::Kind kind)
{
    Stanza stanza(kind);
    const std::string_view type_name = field(state, index, "type");
    if (!type_name.empty()) {
        const auto type = read_type(kind, type_name);
        if (!type)
            luaL_error(state, "type: not a type of this kind of stanza");
        stanza.set_type(*type);
    }
    if (const auto to = field(state, index, "to"); !to.empty())
        stanza.set_to(check_address(state, "to", to));
    if (const auto from = field(state, index, "from"); !from.empty())
        stanza.set_from(check_address(state, "from", from));
    if (const auto id = field(state, index, "id"); !id.empty())
        stanza.set_id(id);
    for (const char* name : { "subject", "body" })
        if (const auto text = field(state, index, name); !text.empty()) {
            check_xml_text(state, text);
            set_child_text(stanza, name, {}, text);
        }
    if (const auto xml = field(state, index, "xml"); !xml.empty()) {
        Machine::of(state).charge(state, std::int64_t(xml.size()));
        auto element = parse_element(xml);
        if (!element)
            luaL_error(state, "xml: %s", element.error().text.c_str());
        stanza.element().append(*element);
    }
    return stanza;
}

}
