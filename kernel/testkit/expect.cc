// What a client must hear next.
#include "expect.h"

#include <nuncio/ns.h>

#include <vector>

namespace nuncio::test {

Result<Element> read_block(const std::string& text)
{
    return parse_element("<block xmlns='jabber:client' "
                         "xmlns:stream='http://etherx.jabber.org/streams'>"
        + text + "</block>");
}

std::optional<std::string> expect_next(
    ScriptedClient& client, ElementRef expected, Strictness strictness, Bindings& bindings)
{
    auto heard = client.hear();
    if (!heard)
        return client.name() + " heard nothing, expected " + to_string(expected, ns_client);
    if (heard->kind != Heard::Kind::element)
        return client.name() + " heard " + heard->text() + ", expected "
            + to_string(expected, ns_client);
    if (auto wrong = difference(expected, heard->element, strictness, bindings))
        return *wrong + "\n  heard " + heard->text();
    return {};
}

std::optional<std::string> expect_in_any_order(
    ScriptedClient& client, ElementRef block, Bindings& bindings)
{
    std::vector<ElementRef> left;
    for (const ElementRef expected : block)
        left.push_back(expected);
    while (!left.empty()) {
        auto heard = client.hear();
        if (!heard)
            return client.name() + " heard nothing, expected " + to_string(left.front(), ns_client);
        bool found = false;
        for (auto at = left.begin(); at != left.end() && !found; ++at) {
            if (heard->kind == Heard::Kind::element
                && !difference(*at, heard->element, Strictness::exact, bindings)) {
                left.erase(at);
                found = true;
                break;
            }
        }
        if (!found)
            return client.name() + " heard " + heard->text() + ", which matches nothing";
    }
    return {};
}

}
