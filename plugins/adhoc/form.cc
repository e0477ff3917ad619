#include "form.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace nuncio::adhoc {

namespace {

    constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD
    constexpr std::string_view ellipsis = "\xE2\x80\xA6"; // U+2026

    void add_values(Element::Cursor field, const std::vector<std::string>& values)
    {
        for (const std::string& value : values)
            field.add("value").text(printable(value));
    }

    Error wrong(std::string_view var, std::string_view expected)
    {
        return Error { std::string(var) + ": expected " + std::string(expected) };
    }

    /// XEP-0004 §3.3: a boolean is 0, 1, false or true.
    bool is_boolean(std::string_view value)
    {
        return value == "0" || value == "1" || value == "false" || value == "true";
    }

    Result<void> check_values(
        const Field& field, const std::vector<std::string>& values, std::size_t most)
    {
        if (!field.takes_many() && values.size() > 1)
            return wrong(field.var, "one value");
        if (values.size() > most)
            return Error { field.var + ": has more than " + std::to_string(most) + " values",
                Error::Kind::limit };
        for (const std::string& value : values) {
            if (field.type == "boolean" && !is_boolean(value))
                return wrong(field.var, "true or false");
            if (field.type == "list-single" && !(value.empty() && !field.is_required)
                && std::ranges::find(field.options, value, &Field::Option::value)
                    == field.options.end())
                return wrong(field.var, "one of the options");
        }
        return {};
    }

    /// The size of the well-formed UTF-8 character that `text` begins with, or 0; what XML cannot
    /// hold counts as ill-formed.
    std::size_t character_size(std::string_view text)
    {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
        const unsigned first = byte(0);
        if (first < 0x80)
            return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
        const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        if (first < 0xC2 || first > 0xF4 || text.size() < size)
            return 0;
        std::uint32_t code = first & (0x7FU >> size);
        for (std::size_t i = 1; i < size; ++i) {
            if ((byte(i) & 0xC0U) != 0x80)
                return 0;
            code = code << 6U | (byte(i) & 0x3FU);
        }
        constexpr std::uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const bool is_character = code >= least[size] && code <= 0x10FFFF
            && (code < 0xD800 || code > 0xDFFF) && code != 0xFFFE && code != 0xFFFF;
        return is_character ? size : 0;
    }

}

Element blank_form(const Questions& questions)
{
    Element form("x", ns_data);
    form.attr("type", "form");
    form.add("title").text(printable(questions.title));
    if (!questions.instructions.empty())
        form.add("instructions").text(printable(questions.instructions));
    if (!questions.form_type.empty()) {
        auto type = form.add("field");
        type.attr("type", "hidden").attr("var", "FORM_TYPE");
        type.add("value").text(questions.form_type);
    }
    for (const Field& question : questions.fields) {
        auto field = form.add("field");
        field.attr("var", question.var).attr("type", question.type);
        if (!question.label.empty())
            field.attr("label", printable(question.label));
        if (question.is_required)
            field.add("required");
        // Nothing that was typed into it is ever shown again.
        if (question.type != "text-private")
            add_values(field, question.values);
        for (const Field::Option& option : question.options) {
            auto choice = field.add("option");
            choice.attr("label", option.label);
            choice.add("value").text(option.value);
        }
    }
    return form;
}

Result<Filled> read_form(ElementRef form, const Questions& questions, std::size_t most)
{
    if (!form || form.attr("type") != "submit")
        return Error { "expected a data form of the type submit" };
    Filled filled;
    std::optional<std::string> form_type;
    for (ElementRef field : form) {
        if (!field.is("field", ns_data))
            continue;
        const std::string_view var = field.attr("var");
        std::vector<std::string> values;
        for (ElementRef value : field)
            if (value.is("value", ns_data))
                values.push_back(value.text());
        if (var == "FORM_TYPE") {
            form_type = values.empty() ? std::string() : values.front();
            continue;
        }
        const auto asked = std::ranges::find(questions.fields, var, &Field::var);
        if (asked == questions.fields.end() || values.empty())
            continue;
        if (filled.contains(var))
            return wrong(var, "one field of this name");
        if (auto checked = check_values(*asked, values, most); !checked)
            return checked.error();
        filled.emplace(var, std::move(values));
    }
    // XEP-0068 §3: another form with the same names of fields may mean other things by them.
    if (!questions.form_type.empty()
        && form_type.value_or(questions.form_type) != questions.form_type)
        return wrong("FORM_TYPE", questions.form_type);
    for (const Field& field : questions.fields)
        if (field.is_required && !filled.contains(field.var))
            return wrong(field.var, "a value");
    return filled;
}

std::string printable(std::string_view text, std::size_t most)
{
    std::string out;
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const std::string_view piece = size == 0 ? replacement : text.substr(0, size);
        if (out.size() + piece.size() > most)
            return out += ellipsis;
        out += piece;
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return out;
}

}
