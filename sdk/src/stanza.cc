// RFC 6120 §8: checking stanzas, answering them, and writing them.
#include "tree_copy.h"

#include <nuncio/stanza.h>

#include <algorithm>
#include <array>

namespace nuncio::inline v1 {

namespace {

    using Condition = StanzaError::Condition;
    using Kind = Stanza::Kind;
    using Type = Stanza::Type;

    constexpr std::array<std::string_view, 3> kind_names { "message", "presence", "iq" };

    // In the order of Stanza::Type.
    constexpr std::array<std::string_view, 15> type_names { "", "get", "set", "result", "error",
        "normal", "chat", "groupchat", "headline", "unavailable", "subscribe", "subscribed",
        "unsubscribe", "unsubscribed", "probe" };

    bool is_content_ns(std::string_view ns)
    {
        return ns == ns_client || ns == ns_server || ns == "jabber:component:accept";
    }

    bool belongs(Type type, Kind kind)
    {
        if (type == Type::error)
            return true;
        if (kind == Kind::iq)
            return type >= Type::get && type <= Type::result;
        if (kind == Kind::message)
            return type >= Type::normal && type <= Type::headline;
        return type >= Type::unavailable;
    }

    std::optional<Type> find_type(std::string_view name, Kind kind)
    {
        for (auto i = std::size_t(1); i < type_names.size(); ++i) {
            const auto type = static_cast<Type>(i);
            if (type_names[i] == name && belongs(type, kind))
                return type;
        }
        return std::nullopt;
    }

    std::size_t count_children(ElementRef element)
    {
        std::size_t count = 0;
        for (auto child = element.first_child(); child; child = child.next())
            ++count;
        return count;
    }

    /// The value of an attribute of the root, to be pointed at by an address.
    const char* value_of(const Element& element, std::string_view name)
    {
        return element.attr(name).data();
    }

    /// Reads an address attribute. A form that preparation changed is put back into the tree, so
    /// that everybody after us sees one address.
    bool read_address(Element& element, std::string_view name, JidView& address)
    {
        auto* attribute = element.root()->attributes;
        while (attribute && !(attribute->name == name && attribute->ns.empty()))
            attribute = attribute->next;
        if (!attribute)
            return true;
        Jid storage;
        const auto parsed = Jid::parse_view(attribute->value, storage);
        if (!parsed)
            return false;
        if (!storage.empty())
            attribute->value = element.arena().copy(storage.text());
        address = parsed->rebased(attribute->value.data());
        return true;
    }

    /// The end of a list of attributes, or the one of this name.
    Attribute** find_or_end(Element& element, std::string_view name)
    {
        auto** link = &element.root()->attributes;
        while (*link && !((*link)->name == name && (*link)->ns.empty()))
            link = &(*link)->next;
        return link;
    }

    /// Without the checks of Element::attr: `name` is a literal of this library, and `value` came
    /// through them before.
    std::string_view set_checked(
        Element& element, Attribute** link, std::string_view name, std::string_view value)
    {
        if (!*link)
            *link = make_attribute(element.arena(), name, {}, {});
        return (*link)->value = element.arena().copy(value);
    }

    JidView set_address(Element& element, std::string_view name, JidView address)
    {
        const auto text = set_checked(element, find_or_end(element, name), name, address.text());
        return address.rebased(text.data());
    }

    void append_address(std::string& out, JidView to)
    {
        out.append(" to='");
        // An address may hold an apostrophe or an ampersand in its resource.
        append_escaped(out, to.text());
        out += '\'';
    }

}

std::string_view to_string(Stanza::Type type)
{
    return type_names[static_cast<std::size_t>(type)];
}

std::string_view to_string(Stanza::Kind kind)
{
    return kind_names[static_cast<std::size_t>(kind)];
}

Stanza::Stanza(Kind kind, Type type, std::string_view ns)
    : element_(to_string(kind), ns)
    , kind_(kind)
{
    set_type(type);
}

Stanza::Stanza(const Stanza& other)
    : element_(other.element_)
    , to_(other.to_.rebased(value_of(element_, "to")))
    , from_(other.from_.rebased(value_of(element_, "from")))
    , kind_(other.kind_)
    , type_(other.type_)
{
}

Stanza& Stanza::operator=(const Stanza& other)
{
    if (this != &other)
        *this = Stanza(other);
    return *this;
}

Stanza::Stanza(Stanza&& other) noexcept
    : element_(std::move(other.element_))
    , to_(std::exchange(other.to_, {}))
    , from_(std::exchange(other.from_, {}))
    , kind_(other.kind_)
    , type_(std::exchange(other.type_, Type::none))
{
}

Stanza& Stanza::operator=(Stanza&& other) noexcept
{
    if (this != &other) {
        element_ = std::move(other.element_);
        to_ = std::exchange(other.to_, {});
        from_ = std::exchange(other.from_, {});
        kind_ = other.kind_;
        type_ = std::exchange(other.type_, Type::none);
    }
    return *this;
}

Stanza::Parsed Stanza::parse(Element element)
{
    Parsed parsed;
    auto& stanza = parsed.stanza;
    stanza.element_ = std::move(element);
    auto& root = stanza.element_;
    const auto kind = std::ranges::find(kind_names, root.name());
    if (kind == kind_names.end() || !is_content_ns(root.ns())) {
        parsed.unknown_kind = true;
        return parsed;
    }
    stanza.kind_ = static_cast<Kind>(kind - kind_names.begin());
    const auto refuse = [&parsed](Condition condition, std::string_view text) {
        if (!parsed.error)
            parsed.error = StanzaError { .condition = condition, .text = std::string(text) };
    };

    if (root.has_attr("type")) {
        const auto type = find_type(root.attr("type"), stanza.kind_);
        // RFC 6121 §5.2.2: a message of a type unknown to us is a normal one.
        stanza.type_ = type ? *type : stanza.is_message() ? Type::normal : Type::none;
        if (!type && stanza.is_presence())
            refuse(Condition::bad_request, "unknown type of presence");
    }
    if (!read_address(root, "from", stanza.from_))
        refuse(Condition::jid_malformed, "'from' is not an address");
    if (!read_address(root, "to", stanza.to_))
        refuse(Condition::jid_malformed, "'to' is not an address");
    if (!stanza.is_iq())
        return parsed;

    // RFC 6120 §8.2.3.
    if (stanza.type_ == Type::none)
        refuse(Condition::bad_request, "an iq's type is get, set, result or error");
    if (stanza.id().empty())
        refuse(Condition::bad_request, "an iq needs an id");
    if (stanza.is_request() && count_children(root) != 1)
        refuse(Condition::bad_request, "an iq request has exactly one child element");
    return parsed;
}

Stanza& Stanza::set_to(JidView to)
{
    to_ = set_address(element_, "to", to);
    return *this;
}

Stanza& Stanza::set_from(JidView from)
{
    from_ = set_address(element_, "from", from);
    return *this;
}

Stanza& Stanza::set_id(std::string_view id)
{
    element_.attr("id", id);
    return *this;
}

Stanza& Stanza::set_type(Type type)
{
    type_ = type;
    if (type == Type::none)
        element_.remove_attr("type");
    else
        set_checked(element_, find_or_end(element_, "type"), "type", to_string(type));
    return *this;
}

Stanza& Stanza::set_lang(std::string_view lang)
{
    element_.attr("lang", lang, ns_xml);
    return *this;
}

Stanza& Stanza::remove_to()
{
    element_.remove_attr("to");
    to_ = {};
    return *this;
}

Stanza& Stanza::remove_from()
{
    element_.remove_attr("from");
    from_ = {};
    return *this;
}

std::string Stanza::body() const
{
    ElementRef first;
    for (auto body = element_.first_child(); body; body = body.next()) {
        if (!body.is("body", element_.ns()))
            continue;
        if (!body.has_attr("lang", ns_xml))
            return body.text();
        if (!first)
            first = body;
    }
    return first.text();
}

Stanza Stanza::reply() const&
{
    Stanza answer(kind_, is_iq() ? Type::result : is_message() ? type_ : Type::none, element_.ns());
    if (!from_.empty())
        answer.set_to(from_);
    if (!to_.empty())
        answer.set_from(to_);
    if (element_.has_attr("id"))
        set_checked(answer.element_, find_or_end(answer.element_, "id"), "id", id());
    return answer;
}

Stanza Stanza::reply() &&
{
    // The list of attributes is made anew from those that stay.
    Attribute* kept = nullptr;
    for (Attribute* at = element_.root()->attributes; at;) {
        Attribute* const next = at->next;
        const bool is_addressing = at->name == "to" || at->name == "from";
        if (at->ns.empty() && (is_addressing || at->name == "id")) {
            if (is_addressing)
                at->name = at->name == "to" ? "from" : "to";
            at->next = kept;
            kept = at;
        }
        at = next;
    }
    element_.root()->attributes = kept;
    element_.clear_children();
    std::swap(to_, from_);
    set_type(is_iq() ? Type::result : is_message() ? type_ : Type::none);
    return std::move(*this);
}

Stanza Stanza::error_reply(const StanzaError& error, Payload payload) const
{
    auto answer = reply();
    answer.set_type(Type::error);
    if (payload == Payload::include) {
        for (ElementRef child : element_)
            answer.element_.append(child);
    }
    answer.element_.append(error.element(element_.ns()));
    return answer;
}

std::string Stanza::xml(std::string_view ns) const
{
    std::string out;
    append_xml(out, ns);
    return out;
}

namespace {

    /// Writes the stanza with `to`, or with its own when that is null.
    void append_stanza(
        std::string& out, const Element& element, const JidView* to, std::string_view ns)
    {
        out += '<';
        out.append(element.name());
        // RFC 6120 §4.8.3: content namespaces are translated between streams, so the stanza takes
        // that of the stream it goes to.
        if (element.ns() != ns && !(is_content_ns(element.ns()) && is_content_ns(ns))) {
            out.append(" xmlns='");
            append_escaped(out, element.ns());
            out += '\'';
        }
        append_attributes(out, element.ref(), to ? "to" : std::string_view());
        if (to)
            append_address(out, *to);
        if (!element.ref().node()->first_child) {
            out.append("/>");
            return;
        }
        out += '>';
        append_children_xml(out, element);
        out.append("</").append(element.name()) += '>';
    }

}

void Stanza::append_xml(std::string& out, std::string_view ns) const
{
    if (element_)
        append_stanza(out, element_, nullptr, ns);
}

void Stanza::append_xml_to(std::string& out, JidView to, std::string_view ns) const
{
    if (element_)
        append_stanza(out, element_, &to, ns);
}

}
