// Writing elements, and the functions of the guide's module xml.
#include "xml_scan.h"

#include <nuncio/ns.h>
#include <nuncio/xml.h>

namespace nuncio::inline v1 {

namespace {

    std::string_view reference(char byte)
    {
        switch (byte) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&apos;";
        case '\t':
            return "&#9;";
        case '\n':
            return "&#10;";
        default:
            return "&#13;";
        }
    }

    void append_with_references(std::string& out, std::string_view text, xml::Class escaped)
    {
        const char* at = text.data();
        const char* const end = at + text.size();
        for (;;) {
            const char* const stop = xml::skip_unescaped(at, end, escaped);
            out.append(at, stop);
            if (stop == end)
                return;
            out.append(reference(*stop));
            at = stop + 1;
        }
    }

    void append_attribute(
        std::string& out, std::string_view prefix, std::string_view name, std::string_view value)
    {
        out += ' ';
        if (!prefix.empty())
            out.append(prefix);
        out.append(name).append("='");
        append_with_references(out, value, xml::value_escape);
        out += '\'';
    }

    bool is_foreign(const Attribute& attribute)
    {
        return !attribute.ns.empty() && attribute.ns != ns_xml;
    }

    /// Nodes carry namespaces, not prefixes: an attribute in a namespace gets a prefix of its
    /// element, `n0` for the first attribute that needs one and so on.
    void append_foreign_attribute(std::string& out, const Node& node, const Attribute& attribute)
    {
        std::size_t number = 0;
        const auto* declaring = node.attributes;
        while (declaring->ns != attribute.ns) {
            number += is_foreign(*declaring) ? 1 : 0;
            declaring = declaring->next;
        }
        const auto prefix = "n" + std::to_string(number);
        if (declaring == &attribute)
            append_attribute(out, "xmlns:", prefix, attribute.ns);
        append_attribute(out, prefix + ":", attribute.name, attribute.value);
    }

    void append_node(std::string& out, const Node& node, std::string_view parent_ns);

    void append_nodes(std::string& out, const Node* node, std::string_view ns)
    {
        for (; node; node = node->next) {
            if (node->is_element())
                append_node(out, *node, ns);
            else
                append_with_references(out, node->text, xml::text_escape);
        }
    }

    void append_node(std::string& out, const Node& node, std::string_view parent_ns)
    {
        // Namespaces in XML §3: the xml namespace must not become a default namespace.
        const bool reserved = node.ns == ns_xml;
        const auto content_ns = reserved ? parent_ns : node.ns;
        const std::string_view prefix = reserved ? "xml:" : "";
        out += '<';
        out.append(prefix).append(node.name);
        if (content_ns != parent_ns)
            append_attribute(out, {}, "xmlns", content_ns);
        append_attributes(out, ElementRef(&node));
        if (!node.first_child) {
            out.append("/>");
            return;
        }
        out += '>';
        append_nodes(out, node.first_child, content_ns);
        out.append("</").append(prefix).append(node.name) += '>';
    }

}

void append_attributes(std::string& out, ElementRef element, std::string_view except)
{
    for (const auto* attribute = element.attributes(); attribute; attribute = attribute->next) {
        if (attribute->ns.empty() && attribute->name == except)
            continue;
        if (is_foreign(*attribute))
            append_foreign_attribute(out, *element.node(), *attribute);
        else
            append_attribute(
                out, attribute->ns.empty() ? "" : "xml:", attribute->name, attribute->value);
    }
}

void append_xml(std::string& out, ElementRef element, std::string_view parent_ns)
{
    if (element)
        append_node(out, *element.node(), parent_ns);
}

std::string to_string(ElementRef element, std::string_view parent_ns)
{
    std::string out;
    append_xml(out, element, parent_ns);
    return out;
}

void append_children_xml(std::string& out, ElementRef element)
{
    if (element)
        append_nodes(out, element.node()->first_child, element.ns());
}

void append_children_xml(std::string& out, const Element& element)
{
    if (!element.raw_children().empty())
        out.append(element.raw_children());
    else
        append_children_xml(out, element.ref());
}

void append_escaped(std::string& out, std::string_view text)
{
    append_with_references(out, text, xml::crypt_escape);
}

std::string escape(std::string_view text)
{
    std::string out;
    append_escaped(out, text);
    return out;
}

std::vector<ElementRef> remove_cdata(ElementRef element)
{
    std::vector<ElementRef> elements;
    for (ElementRef child = element.first_child(); child; child = child.next())
        elements.push_back(child);
    return elements;
}

std::variant<std::string, ElementRef> get_path(ElementRef element, std::span<const PathItem> path)
{
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool last = i + 1 == path.size();
        if (path[i].kind == PathItem::Kind::attribute)
            return last ? std::string(element.attr(path[i].name)) : std::string();
        if (path[i].kind == PathItem::Kind::cdata)
            return last ? element.text() : std::string();
        // The guide's names carry no namespace, so a step takes the first child of that name.
        ElementRef found = element.first_child();
        while (found && found.name() != path[i].name)
            found = found.next();
        if (!found)
            return std::string();
        element = found;
    }
    return element;
}

}
