// RFC 6120 §8: message, presence and iq, as checked owners of their trees.
#pragma once

#include <nuncio/error.h>
#include <nuncio/jid.h>
#include <nuncio/ns.h>
#include <nuncio/xml.h>

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// One stanza: its tree, and what everybody asks of it, parsed once. Moves along its path and is
/// not copied on the way; copying is possible and copies the tree. Not safe for concurrent use.
class NUNCIO_API Stanza {
public:
    enum class Kind { message, presence, iq };

    /// RFC 6120 §8.1.1, RFC 6121 §4.7.1, §5.2.2. `none` is the absent attribute.
    enum class Type {
        none,
        // iq
        get,
        set,
        result,
        error, // of all three kinds
        // message; an unknown type is `normal` (RFC 6121 §5.2.2)
        normal,
        chat,
        groupchat,
        headline,
        // presence
        unavailable,
        subscribe,
        subscribed,
        unsubscribe,
        unsubscribed,
        probe,
    };

    Stanza() = default;
    // The addresses are views into the tree: a copy gets views into its own.
    Stanza(const Stanza& other);
    Stanza& operator=(const Stanza& other);
    Stanza(Stanza&& other) noexcept;
    Stanza& operator=(Stanza&& other) noexcept;
    ~Stanza() = default;

    /// Checks kind, type, id, `to` and `from` of a parsed element. Answers what the sender should
    /// hear when they are wrong: `bad-request` (missing id, unknown presence or iq type, an iq
    /// request without exactly one child) or `jid-malformed`.
    struct Parsed;
    static Parsed parse(Element element);

    /// Builds an empty stanza; `type` none writes no attribute.
    explicit Stanza(Kind kind, Type type = Type::none, std::string_view ns = ns_client);

    explicit operator bool() const { return bool(element_); }

    /// What it is. An error is a stanza of type error, whatever its kind.
    Kind kind() const { return kind_; }
    Type type() const { return type_; }
    bool is_message() const { return kind_ == Kind::message; }
    bool is_presence() const { return kind_ == Kind::presence; }
    bool is_iq() const { return kind_ == Kind::iq; }
    bool is_error() const { return type_ == Type::error; }
    /// An iq of type get or set: the only stanzas that must be answered.
    bool is_request() const { return type_ == Type::get || type_ == Type::set; }

    /// The attributes, or empty. Views live until the stanza is changed or ends.
    std::string_view id() const { return element_.attr("id"); }
    std::string_view lang() const { return element_.attr("lang", ns_xml); }
    /// Empty when the attribute is absent. Views live until the address is set again or the stanza
    /// ends.
    JidView to() const { return to_; }
    JidView from() const { return from_; }

    /// Set and remove attributes, and answer the stanza for chaining. What is given is copied.
    Stanza& set_to(JidView to);
    Stanza& set_from(JidView from);
    Stanza& set_id(std::string_view id);
    Stanza& set_type(Type type);
    Stanza& set_lang(std::string_view lang);
    Stanza& remove_to();
    Stanza& remove_from();

    /// The whole stanza as XML, for reading.
    const Element& element() const { return element_; }
    /// For changing the payload. Addresses and type are changed with the setters above only.
    Element& element() { return element_; }

    /// The first child element: an iq's payload.
    ElementRef payload() const { return element_.first_child(); }
    ElementRef child(std::string_view name) const { return element_.child(name); }
    ElementRef child(std::string_view name, std::string_view ns) const
    {
        return element_.child(name, ns);
    }
    /// Text of the `<body/>` without `xml:lang`, else of the first one; empty without a body.
    std::string body() const;

    /// An empty stanza of the same kind, `to` and `from` swapped, the same id; an iq's type is
    /// `result`, a message keeps its type.
    Stanza reply() const&;
    /// The same in the memory of the request, of which nothing is left.
    Stanza reply() &&;
    /// An error in answer to this stanza, addresses swapped, the original payload left out
    /// (RFC 6120 §8.3.1 permits it) unless `include_payload`. Never call it for an error.
    enum class Payload { omit, include };
    Stanza error_reply(const StanzaError& error, Payload payload = Payload::omit) const;
    /// The error of an error stanza.
    StanzaError error() const { return StanzaError::from(element_.child("error")); }

    /// Serialised under a parent whose default namespace is `ns`.
    std::string xml(std::string_view ns = ns_client) const;
    /// Appends the stanza's XML with `to` in place of its own; the fan-out path. Copies the
    /// original children's bytes when the tree was not changed.
    void append_xml(std::string& out, std::string_view ns = ns_client) const;
    void append_xml_to(std::string& out, JidView to, std::string_view ns = ns_client) const;

private:
    Element element_;
    JidView to_;
    JidView from_;
    Kind kind_ = Kind::message;
    Type type_ = Type::none;
};

/// What Stanza::parse answers: a stanza, and, when it may not be routed, the error its sender
/// should hear. The stanza is usable for `error_reply` in both cases. `unknown_kind` is set when
/// the element is no stanza at all (RFC 6120 §4.9.3.24: unsupported-stanza-type).
struct Stanza::Parsed {
    Stanza stanza;
    std::optional<StanzaError> error;
    bool unknown_kind = false;
};

/// As on the wire: "groupchat", "message". Type none is empty.
NUNCIO_API std::string_view to_string(Stanza::Type type);
NUNCIO_API std::string_view to_string(Stanza::Kind kind);

}
