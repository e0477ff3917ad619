// Stream contexts: the static ones of ordinary headers, and copies of the others.
#include "xml_context.h"

#include <nuncio/ns.h>

#include <algorithm>
#include <cstring>

namespace nuncio::inline v1 {

namespace {

    constexpr std::string_view ns_dialback = "jabber:server:dialback";

    XmlContext make_static(std::string_view default_ns, std::vector<XmlContext::Prefix> prefixes)
    {
        return { "stream:stream", default_ns, std::move(prefixes), nullptr, 0 };
    }

    /// The headers that nearly every peer sends.
    const std::vector<XmlContext>& static_contexts()
    {
        static const auto contexts = [] {
            const XmlContext::Prefix stream { "stream", ns_streams };
            const XmlContext::Prefix dialback { "db", ns_dialback };
            std::vector<XmlContext> made;
            made.push_back(make_static(ns_client, { stream }));
            made.push_back(make_static(ns_server, { stream }));
            made.push_back(make_static(ns_server, { stream, dialback }));
            made.push_back(make_static("jabber:component:accept", { stream }));
            return made;
        }();
        return contexts;
    }

    bool declares(const XmlContext& context, const XmlContext::Prefix& prefix)
    {
        return std::any_of(
            context.prefixes.begin(), context.prefixes.end(), [&](const XmlContext::Prefix& other) {
                return other.name == prefix.name && other.ns == prefix.ns;
            });
    }

    bool same(const XmlContext& a, const XmlContext& b)
    {
        return a.qname == b.qname && a.default_ns == b.default_ns
            && a.prefixes.size() == b.prefixes.size()
            && std::all_of(a.prefixes.begin(), a.prefixes.end(),
                [&](const XmlContext::Prefix& prefix) { return declares(b, prefix); });
    }

    XmlContextOwner copy(const XmlContext& wanted)
    {
        auto size = wanted.qname.size() + wanted.default_ns.size();
        for (const auto& prefix : wanted.prefixes)
            size += prefix.name.size() + prefix.ns.size();
        auto made = std::make_unique<XmlContext>();
        made->size = size;
        made->bytes = std::make_unique<char[]>(size + 1);
        char* at = made->bytes.get();
        const auto keep = [&at](std::string_view text) {
            std::copy(text.begin(), text.end(), at);
            at += text.size();
            return std::string_view(at - text.size(), text.size());
        };
        made->qname = keep(wanted.qname);
        made->default_ns = keep(wanted.default_ns);
        made->prefixes.reserve(wanted.prefixes.size());
        for (const auto& prefix : wanted.prefixes) {
            const auto name = keep(prefix.name);
            made->prefixes.push_back({ name, keep(prefix.ns) });
        }
        return XmlContextOwner(made.release());
    }

}

const XmlContext& XmlContext::none()
{
    static const XmlContext empty;
    return empty;
}

XmlContextOwner make_context(const XmlContext& wanted)
{
    for (const auto& known : static_contexts()) {
        if (same(known, wanted))
            return XmlContextOwner(&known);
    }
    return copy(wanted);
}

}
