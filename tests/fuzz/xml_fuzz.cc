// Differential test of the tokenizer: chunking must not matter, and where Xerces-C++ and expat
// accept what we accept, all three must see the same tree.
#include "oracles.h"

#include <nuncio/ns.h>
#include <nuncio/xml_stream.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace nuncio;

namespace {

std::string expanded(std::string_view local, std::string_view ns)
{
    return std::string(local) + "|" + std::string(ns);
}

enum class Between { keep, skip };

void write(std::string& out, const Node& node, bool close, Between between = Between::keep)
{
    out += "(" + expanded(node.name, node.ns);
    std::vector<std::string> attributes;
    for (const auto* attribute = node.attributes; attribute; attribute = attribute->next)
        attributes.push_back(
            expanded(attribute->name, attribute->ns) + "=" + oracle::quoted(attribute->value));
    std::sort(attributes.begin(), attributes.end());
    for (const auto& attribute : attributes)
        out += " " + attribute;
    for (const auto* child = node.first_child; child; child = child->next) {
        if (child->is_element())
            write(out, *child, true);
        else if (between == Between::keep)
            out += oracle::quoted(child->text);
    }
    if (close)
        out += ")";
}

[[noreturn]] void report(const char* what, std::string_view a, std::string_view b)
{
    std::fprintf(
        stderr, "%s\n  %.*s\n  %.*s\n", what, int(a.size()), a.data(), int(b.size()), b.data());
    std::abort();
}

/// What a stream made of the input, and how it ended.
struct Reading {
    std::string tree;
    std::string verdict; // "end", "more", or the error with its offset
    bool restricted = false;
    bool limited = false;
};

void check_element(const Element& element)
{
    // Writing and reading again is the identity.
    const auto xml = to_string(element.ref());
    const auto again = parse_element(xml, { .name_bytes = 4096, .prefixes = 128 });
    if (!again)
        report("what was written is not read", xml, again.error().text);
    if (!(*again == element))
        report("what was written reads differently", xml, to_string(again->ref()));
    if (element.raw_children().empty())
        return;
    // The promise of raw_children: the same under any parent of the same default namespace.
    std::string raw = "<r xmlns='" + escape(element.ns()) + "'>";
    raw.append(element.raw_children()).append("</r>");
    std::string written = "<r xmlns='" + escape(element.ns()) + "'>";
    append_children_xml(written, element.ref());
    written += "</r>";
    const auto from_raw = parse_element(raw);
    const auto from_written = parse_element(written, { .name_bytes = 4096, .prefixes = 128 });
    if (!from_raw || !from_written || !(*from_raw == *from_written))
        report("raw children say something else", raw, written);
}

/// Cuts the input into pieces by `seed`; 0 gives it whole.
Reading read(std::string_view input, std::uint32_t seed)
{
    Reading reading;
    XmlStream stream;
    std::vector<Element> kept; // must outlive the stream
    while (!input.empty()) {
        seed = seed * 1664525u + 1013904223u * (seed != 0);
        const auto size
            = seed == 0 ? input.size() : std::min<std::size_t>(input.size(), 1 + (seed >> 24) % 13);
        // A copy of exactly this size, so that reading past it is seen.
        const std::vector<char> bytes(
            input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
        input.remove_prefix(size);
        std::string_view piece(bytes.data(), bytes.size());
        for (;;) {
            const auto event = stream.next(piece);
            if (event == XmlStream::Event::need_more)
                break;
            if (event == XmlStream::Event::error) {
                const auto& error = stream.error();
                reading.restricted = error.kind == XmlError::Kind::restricted;
                reading.limited = error.kind == XmlError::Kind::limit;
                reading.verdict = error.text + " at " + std::to_string(error.offset);
                return reading;
            }
            if (event == XmlStream::Event::end) {
                reading.verdict = "end";
                continue;
            }
            kept.push_back(stream.take());
            const auto& element = kept.back();
            if (event == XmlStream::Event::stanza && seed == 0)
                check_element(element);
            write(reading.tree, *element.ref().node(), event == XmlStream::Event::stanza);
        }
    }
    if (reading.verdict.empty())
        reading.verdict = "more";
    return reading;
}

/// Where we refuse what XML allows, on purpose (RFC 6120 §11): restricted features, limits,
/// character data between stanzas, other encodings and versions.
bool refused_on_purpose(const Reading& ours)
{
    const auto says = [&ours](std::string_view text) { return ours.verdict.starts_with(text); };
    return ours.restricted || ours.limited || says("text between stanzas")
        || says("\"<!\" where no CDATA") || says("the encoding must be")
        || says("only XML version");
}

/// The document that parse_document made, written as the others are; white space between stanzas
/// is no part of a stream.
std::string write_document(const Element& document)
{
    std::string out;
    write(out, *document.ref().node(), false, Between::skip);
    return out + ")";
}

void compare(std::string_view input, const Reading& ours)
{
    if (ours.verdict == "more" || refused_on_purpose(ours))
        return;
    const bool accepted = ours.verdict == "end";
    const auto xerces = oracle::read_with_xerces(input);
    const auto expat = oracle::read_with_expat(input);
    if (!accepted) {
        // Xerces alone accepts prefixes bound to the reserved namespaces, so both must disagree.
        if (xerces.accepted && expat.accepted)
            report("both others accept what we refuse", input, ours.verdict);
        return;
    }
    const bool ascii = std::all_of(
        input.begin(), input.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
    const auto tree = ours.tree + ")";
    if (!xerces.accepted)
        report("Xerces refuses what we accept", input, tree);
    if (xerces.tree != tree)
        report("Xerces sees another tree", xerces.tree, tree);
    // expat has the names of XML's fourth edition.
    if (!expat.accepted && ascii)
        report("expat refuses what we accept", input, tree);
    if (expat.accepted && expat.tree != tree)
        report("expat sees another tree", expat.tree, tree);
    const auto document = parse_document(input);
    if (!document)
        report("parse_document refuses what we accept", input, document.error().text);
    if (write_document(*document) != tree)
        report("parse_document sees another tree", write_document(*document), tree);
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 16384)
        return 0;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto whole = read(input, 0);
    std::uint32_t seed = 2166136261u;
    for (std::size_t i = 0; i < size; ++i)
        seed = (seed ^ data[i]) * 16777619u;
    const auto pieces = read(input, seed | 1);
    if (whole.tree != pieces.tree || whole.verdict != pieces.verdict)
        report(
            "cutting the input matters", whole.tree + whole.verdict, pieces.tree + pieces.verdict);

    compare(input, whole);
    return 0;
}
