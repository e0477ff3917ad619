// RFC 6120 §4.9.3 and §8.3.3: errors and their elements.
#include <nuncio/error.h>
#include <nuncio/ns.h>

#include <algorithm>
#include <array>

namespace nuncio::inline v1 {

namespace {

    using Condition = StanzaError::Condition;
    using Type = StanzaError::Type;

    struct StanzaRow {
        std::string_view name;
        Type type;
    };
    // In the order of StanzaError::Condition. Where §8.3.3 leaves a choice, the first type it
    // names.
    constexpr std::array<StanzaRow, 22> stanza_rows { {
        { "bad-request", Type::modify },
        { "conflict", Type::cancel },
        { "feature-not-implemented", Type::cancel },
        { "forbidden", Type::auth },
        { "gone", Type::cancel },
        { "internal-server-error", Type::cancel },
        { "item-not-found", Type::cancel },
        { "jid-malformed", Type::modify },
        { "not-acceptable", Type::modify },
        { "not-allowed", Type::cancel },
        { "not-authorized", Type::auth },
        { "policy-violation", Type::modify },
        { "recipient-unavailable", Type::wait },
        { "redirect", Type::modify },
        { "registration-required", Type::auth },
        { "remote-server-not-found", Type::cancel },
        { "remote-server-timeout", Type::wait },
        { "resource-constraint", Type::wait },
        { "service-unavailable", Type::cancel },
        { "subscription-required", Type::auth },
        { "undefined-condition", Type::cancel },
        { "unexpected-request", Type::wait },
    } };

    // In the order of StreamError::Condition.
    constexpr std::array<std::string_view, 25> stream_names { "bad-format", "bad-namespace-prefix",
        "conflict", "connection-timeout", "host-gone", "host-unknown", "improper-addressing",
        "internal-server-error", "invalid-from", "invalid-namespace", "invalid-xml",
        "not-authorized", "not-well-formed", "policy-violation", "remote-connection-failed",
        "reset", "resource-constraint", "restricted-xml", "see-other-host", "system-shutdown",
        "undefined-condition", "unsupported-encoding", "unsupported-feature",
        "unsupported-stanza-type", "unsupported-version" };

    constexpr std::array<std::string_view, 6> type_names { "", "auth", "cancel", "continue",
        "modify", "wait" };

    void add_text(
        Element::Cursor into, std::string_view text, std::string_view lang, std::string_view ns)
    {
        if (text.empty())
            return;
        into.add("text", ns).attr("lang", lang.empty() ? "en" : lang, ns_xml).text(text);
    }

}

std::string_view to_string(StanzaError::Condition condition)
{
    return stanza_rows[static_cast<std::size_t>(condition)].name;
}

StanzaError::Condition stanza_condition(std::string_view name)
{
    const auto row = std::ranges::find(stanza_rows, name, &StanzaRow::name);
    return row == stanza_rows.end() ? Condition::undefined_condition
                                    : static_cast<Condition>(row - stanza_rows.begin());
}

StanzaError::Type standard_type(StanzaError::Condition condition)
{
    return stanza_rows[static_cast<std::size_t>(condition)].type;
}

std::string_view to_string(StanzaError::Type type)
{
    return type_names[static_cast<std::size_t>(type)];
}

Element StanzaError::element(std::string_view stanza_ns) const
{
    Element error("error", stanza_ns);
    error.attr("type", to_string(type == Type::standard ? standard_type(condition) : type));
    auto name = error.add(to_string(condition), ns_stanza_errors);
    if (condition == Condition::gone || condition == Condition::redirect)
        name.text(uri);
    add_text(error.cursor(), text, lang, ns_stanza_errors);
    error.append(application);
    return error;
}

StanzaError StanzaError::from(ElementRef error)
{
    StanzaError read;
    const auto type = std::ranges::find(type_names, error.attr("type"));
    if (type != type_names.end())
        read.type = static_cast<Type>(type - type_names.begin());
    for (ElementRef child = error.first_child(); child; child = child.next()) {
        if (child.ns() != ns_stanza_errors) {
            if (!read.application)
                read.application = Element(child);
        } else if (child.name() == "text") {
            read.text = child.text();
            read.lang = child.attr("lang", ns_xml);
        } else {
            read.condition = stanza_condition(child.name());
            read.uri = child.text();
        }
    }
    return read;
}

std::string_view to_string(StreamError::Condition condition)
{
    return stream_names[static_cast<std::size_t>(condition)];
}

StreamError::Condition stream_condition(std::string_view name)
{
    const auto found = std::ranges::find(stream_names, name);
    return found == stream_names.end()
        ? StreamError::Condition::undefined_condition
        : static_cast<StreamError::Condition>(found - stream_names.begin());
}

std::string StreamError::xml() const
{
    Element error("error", ns_streams);
    auto name = error.add(to_string(condition), ns_stream_errors);
    if (condition == Condition::see_other_host)
        name.text(host);
    add_text(error.cursor(), text, lang, ns_stream_errors);
    error.append(application);
    std::string out = "<stream:error>";
    append_children_xml(out, error);
    return out += "</stream:error>";
}

StreamError StreamError::from(const XmlError& error)
{
    const auto condition = [&error] {
        switch (error.kind) {
        case XmlError::Kind::not_well_formed:
            return Condition::not_well_formed;
        case XmlError::Kind::restricted:
            return Condition::restricted_xml;
        case XmlError::Kind::bad_namespace_prefix:
            return Condition::bad_namespace_prefix;
        case XmlError::Kind::bad_encoding:
            return Condition::unsupported_encoding;
        case XmlError::Kind::limit:
            return Condition::policy_violation;
        }
        return Condition::undefined_condition;
    };
    return { .condition = condition(), .text = error.text };
}

}
