#include "capabilities.h"

#include <nuncio/crypto.h>

#include <algorithm>

namespace nuncio::disco {

namespace {

    constexpr std::string_view ns_data = "jabber:x:data";

    // §5.1 separates by '<', which no attribute can hold unescaped, and sorts by octets.
    void append_sorted(std::string& text, std::vector<std::string> pieces)
    {
        std::ranges::sort(pieces);
        for (const std::string& piece : pieces)
            text += piece + "<";
    }

    std::vector<std::string> values_of(ElementRef field)
    {
        std::vector<std::string> values;
        for (ElementRef value : field)
            if (value.is("value", ns_data))
                values.push_back(value.text());
        return values;
    }

    /// The form's part of the string; it begins with its FORM_TYPE, by which forms are sorted.
    /// Empty for a form without one, which counts for nothing (§5.4 3.6).
    std::string form_text(ElementRef form)
    {
        std::string type;
        std::vector<std::string> fields;
        for (ElementRef field : form) {
            if (!field.is("field", ns_data))
                continue;
            const std::string name(field.attr("var"));
            auto values = values_of(field);
            if (name == "FORM_TYPE") {
                type = values.empty() ? std::string() : values.front() + "<";
                continue;
            }
            std::string text = name + "<";
            append_sorted(text, std::move(values));
            fields.push_back(std::move(text));
        }
        if (type.empty())
            return {};
        std::ranges::sort(fields);
        for (const std::string& field : fields)
            type += field;
        return type;
    }

}

std::string verification(const Directory& directory)
{
    std::vector<std::string> identities;
    for (const DiscoIdentity& each : directory.identities)
        identities.push_back(each.category + "/" + each.type + "/" + each.lang + "/" + each.name);
    std::vector<std::string> forms;
    for (const Element& form : directory.forms)
        forms.push_back(form_text(form));
    std::ranges::sort(forms);

    std::string text;
    append_sorted(text, std::move(identities));
    append_sorted(text, directory.features);
    for (const std::string& form : forms)
        text += form;
    return to_base64(digest(Hash::sha1, text));
}

Element result_form(std::string_view type)
{
    Element form("x", ns_data);
    form.attr("type", "result");
    auto field = form.add("field");
    field.attr("var", "FORM_TYPE").attr("type", "hidden");
    field.add("value").text(type);
    return form;
}

void add_field(Element& form, std::string_view name, const std::vector<std::string>& values)
{
    auto field = form.add("field");
    field.attr("var", name).attr("type", "list-multi");
    for (const std::string& value : values)
        field.add("value").text(value);
}

}
