// Compares what was heard with what a transcript expects.
#include "match.h"

#include <nuncio/ns.h>

#include <vector>

namespace nuncio::test {

namespace {

    bool is_name(std::string_view text)
    {
        return text.size() > 2 && text.front() == '{' && text.back() == '}';
    }

    bool matches(std::string_view expected, std::string_view heard, Bindings& bindings)
    {
        if (!is_name(expected))
            return expected == heard;
        const std::string name(expected.substr(1, expected.size() - 2));
        if (name == "any")
            return true;
        const auto [at, is_new] = bindings.emplace(name, heard);
        return is_new || at->second == heard;
    }

    std::string_view trimmed(std::string_view text)
    {
        const auto first = text.find_first_not_of(" \t\r\n");
        if (first == text.npos)
            return {};
        return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
    }

    std::optional<std::string> attribute_difference(
        ElementRef expected, ElementRef heard, Strictness strictness, Bindings& bindings)
    {
        const std::string where = "<" + std::string(expected.name()) + ">";
        for (const Attribute* one = expected.attributes(); one; one = one->next) {
            if (!heard.has_attr(one->name, one->ns))
                return where + " has no " + std::string(one->name);
            if (!matches(one->value, heard.attr(one->name, one->ns), bindings))
                return where + " has " + std::string(one->name) + "='"
                    + std::string(heard.attr(one->name, one->ns)) + "', expected '"
                    + std::string(one->value) + "'";
        }
        if (strictness == Strictness::some)
            return {};
        for (const Attribute* one = heard.attributes(); one; one = one->next) {
            const bool is_free = (one->name == "lang" && one->ns == ns_xml) || one->name == "id";
            if (!is_free && !expected.has_attr(one->name, one->ns))
                return where + " has an unexpected " + std::string(one->name) + "='"
                    + std::string(one->value) + "'";
        }
        return {};
    }

}

std::optional<std::string> difference(
    ElementRef expected, ElementRef heard, Strictness strictness, Bindings& bindings)
{
    if (expected.name() != heard.name() || expected.ns() != heard.ns())
        return "<" + std::string(heard.name()) + " xmlns='" + std::string(heard.ns())
            + "'>, expected <" + std::string(expected.name()) + " xmlns='"
            + std::string(expected.ns()) + "'>";
    Bindings trial = bindings;
    if (auto differs = attribute_difference(expected, heard, strictness, trial))
        return differs;

    std::vector<ElementRef> left;
    for (const ElementRef child : heard)
        left.push_back(child);
    for (const ElementRef child : expected) {
        std::optional<std::string> first_difference;
        bool found = false;
        for (auto at = left.begin(); at != left.end() && !found; ++at) {
            auto differs = difference(child, *at, strictness, trial);
            if (!differs) {
                left.erase(at);
                found = true;
                break;
            }
            if (!first_difference && at->name() == child.name())
                first_difference = differs;
        }
        if (!found)
            return first_difference.value_or("<" + std::string(expected.name()) + "> has no <"
                + std::string(child.name()) + " xmlns='" + std::string(child.ns()) + "'>");
    }
    if (strictness == Strictness::exact && !left.empty())
        return "<" + std::string(heard.name()) + "> has an unexpected <"
            + std::string(left.front().name()) + ">";

    const std::string text = expected.text();
    if (!(strictness == Strictness::some && trimmed(text).empty())
        && !matches(trimmed(text), trimmed(heard.text()), trial))
        return "<" + std::string(expected.name()) + "> says '" + heard.text() + "', expected '"
            + text + "'";
    bindings = std::move(trial);
    return {};
}

std::string substitute(std::string text, const Bindings& bindings)
{
    for (const auto& [name, value] : bindings) {
        const std::string mark = "{" + name + "}";
        for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + value.size()))
            text.replace(at, mark.size(), value);
    }
    return text;
}

}
