// XEP-0030: a directory as elements.
#include <nuncio/disco.h>

namespace nuncio::inline v1 {

namespace {

    Element query(std::string_view ns, std::string_view node)
    {
        Element made("query", ns);
        if (!node.empty())
            made.attr("node", node);
        return made;
    }

}

Element disco_info(const Directory& directory, std::string_view node)
{
    Element made = query(ns_disco_info, node);
    for (const DiscoIdentity& identity : directory.identities) {
        auto entry = made.add("identity");
        entry.attr("category", identity.category).attr("type", identity.type);
        if (!identity.name.empty())
            entry.attr("name", identity.name);
        if (!identity.lang.empty())
            entry.attr("lang", identity.lang, ns_xml);
    }
    for (const std::string& feature : directory.features)
        made.add("feature").attr("var", feature);
    for (const Element& form : directory.forms)
        made.append(form);
    return made;
}

Element disco_items(const Directory& directory, std::string_view node)
{
    Element made = query(ns_disco_items, node);
    for (const DiscoItem& item : directory.items) {
        auto entry = made.add("item");
        entry.attr("jid", item.jid);
        if (!item.name.empty())
            entry.attr("name", item.name);
        if (!item.node.empty())
            entry.attr("node", item.node);
    }
    return made;
}

std::optional<Stanza> answer_disco(const Stanza& stanza, const Directory& directory)
{
    const ElementRef asked = stanza.payload();
    const bool about_info = asked.is("query", ns_disco_info);
    if (!stanza.is_iq() || !stanza.is_request()
        || (!about_info && !asked.is("query", ns_disco_items)))
        return {};
    if (stanza.type() == Stanza::Type::set)
        return stanza.error_reply({ StanzaError::Condition::not_allowed });
    if (!asked.attr("node").empty())
        return stanza.error_reply({ StanzaError::Condition::item_not_found });
    Stanza reply = stanza.reply();
    reply.element().append(about_info ? disco_info(directory) : disco_items(directory));
    return reply;
}

}
