// XML as XMPP uses it: elements in an arena, and the functions of the ejabberd guide's module xml.
#pragma once

#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nuncio::inline v1 {

/// Memory for one tree: a chain of blocks, freed together. The first block comes from a cache of
/// the calling thread, so the hot path does not reach malloc. Not safe for concurrent use; may be
/// moved to another thread with what it holds.
class NUNCIO_API Arena {
public:
    Arena() = default;
    Arena(Arena&& other) noexcept;
    Arena& operator=(Arena&& other) noexcept;
    ~Arena();

    /// Uninitialised bytes, aligned for any node. Never null.
    void* allocate(std::size_t bytes)
    {
        bytes = (bytes + (bytes == 0) + 7) & ~std::size_t(7);
        if (static_cast<std::size_t>(end_ - at_) < bytes)
            return allocate_block(bytes);
        char* const start = at_;
        at_ += bytes;
        return start;
    }
    /// A copy of `text` that lives as long as the arena.
    std::string_view copy(std::string_view text);
    /// Makes the first block of an empty arena hold `bytes` and no more; for what is kept long.
    /// What does not fit goes to further blocks, as ever. Allocations round up to 8 bytes.
    void reserve(std::size_t bytes);
    /// Bytes held in blocks.
    std::size_t capacity() const;

    struct Block;

private:
    void* allocate_block(std::size_t bytes);

    Block* blocks_ = nullptr;
    char* at_ = nullptr;
    char* end_ = nullptr;
};

/// One attribute. Plain data in an arena; a list in document order.
struct Attribute {
    std::string_view name; ///< local name
    std::string_view ns; ///< namespace URI; empty for an attribute without prefix
    std::string_view value; ///< unescaped
    Attribute* next = nullptr;
};

/// One element or one piece of character data. Plain data in an arena: every view in it lives as
/// long as the Element (or Stanza) that owns the arena.
struct Node {
    std::string_view name; ///< local name; empty for character data
    std::string_view ns; ///< namespace URI of the element
    std::string_view text; ///< character data, unescaped; empty for an element
    Attribute* attributes = nullptr;
    Node* first_child = nullptr;
    Node* last_child = nullptr;
    Node* next = nullptr; ///< next sibling

    /// False: a piece of character data.
    bool is_element() const { return !name.empty(); }
};

/// A borrowed element, or none. Copying costs nothing; valid while the tree's owner lives and is
/// not modified. All questions may be asked of an empty reference and answer "nothing".
class NUNCIO_API ElementRef {
public:
    constexpr ElementRef() = default;
    explicit constexpr ElementRef(const Node* node)
        : node_(node)
    {
    }
    explicit operator bool() const { return node_ != nullptr; }

    /// Local name and namespace; views into the tree, as everything that is answered here.
    std::string_view name() const { return node_ ? node_->name : std::string_view(); }
    std::string_view ns() const { return node_ ? node_->ns : std::string_view(); }
    bool is(std::string_view name, std::string_view ns) const
    {
        return node_ && node_->name == name && node_->ns == ns;
    }

    /// The attribute's value, or empty (S65, S66: get_tag_attr_s). `xml:lang` is asked for with
    /// ns_xml.
    std::string_view attr(std::string_view name, std::string_view ns = {}) const;
    bool has_attr(std::string_view name, std::string_view ns = {}) const;
    const Attribute* attributes() const { return node_ ? node_->attributes : nullptr; }

    /// First child element with this name in this element's own namespace (S67: get_subtag).
    ElementRef child(std::string_view name) const;
    /// First child element with this name and namespace; an empty name matches any.
    ElementRef child(std::string_view name, std::string_view ns) const;
    /// First child element, then `next()` from there.
    ElementRef first_child() const;
    /// Next sibling element.
    ElementRef next() const;

    /// Concatenation of the direct character data (S64: get_tag_cdata). Borrows when there is one
    /// piece, which is the ordinary case.
    std::string text() const;
    /// The first piece of character data, without copying.
    std::string_view text_view() const;

    /// The node itself, or null, for code that walks mixed content.
    const Node* node() const { return node_; }

    /// Iteration over child elements: `for (ElementRef item : query)`.
    class Iterator {
    public:
        explicit Iterator(const Node* node)
            : node_(node)
        {
        }
        ElementRef operator*() const { return ElementRef(node_); }
        Iterator& operator++()
        {
            node_ = ElementRef(node_).next().node();
            return *this;
        }
        friend bool operator==(Iterator a, Iterator b) { return a.node_ == b.node_; }

    private:
        const Node* node_;
    };
    Iterator begin() const { return Iterator(first_child().node()); }
    Iterator end() const { return Iterator(nullptr); }

    /// Same names, namespaces, attributes in any order, and children in order.
    friend NUNCIO_API bool operator==(ElementRef a, ElementRef b);

private:
    const Node* node_ = nullptr;
};

/// An owned element: the tree and the arena that holds it. Copying copies the tree.
///
///     Element query("query", "jabber:iq:version");
///     query.add("name").text("nuncio");
///
class NUNCIO_API Element {
public:
    Element() = default;
    Element(std::string_view name, std::string_view ns);
    /// Copies a borrowed tree.
    explicit Element(ElementRef ref);
    /// Takes a tree that lies in `arena`.
    Element(Arena arena, Node* root);
    Element(const Element& other);
    Element& operator=(const Element& other);
    Element(Element&&) noexcept;
    Element& operator=(Element&&) noexcept;
    ~Element();

    explicit operator bool() const { return root_ != nullptr; }
    operator ElementRef() const { return ElementRef(root_); }
    /// The root, borrowed.
    ElementRef ref() const { return ElementRef(root_); }

    /// The questions of ElementRef, so that an owner reads like a reference.
    std::string_view name() const { return ref().name(); }
    std::string_view ns() const { return ref().ns(); }
    bool is(std::string_view name, std::string_view ns) const { return ref().is(name, ns); }
    std::string_view attr(std::string_view name, std::string_view ns = {}) const
    {
        return ref().attr(name, ns);
    }
    bool has_attr(std::string_view name, std::string_view ns = {}) const
    {
        return ref().has_attr(name, ns);
    }
    ElementRef child(std::string_view name) const { return ref().child(name); }
    ElementRef child(std::string_view name, std::string_view ns) const
    {
        return ref().child(name, ns);
    }
    ElementRef first_child() const { return ref().first_child(); }
    std::string text() const { return ref().text(); }
    ElementRef::Iterator begin() const { return ref().begin(); }
    ElementRef::Iterator end() const { return ref().end(); }

    /// A place inside an owned tree where building goes on. Valid while the Element lives.
    class NUNCIO_API Cursor {
    public:
        /// Sets or replaces an attribute; an empty value is kept.
        Cursor& attr(std::string_view name, std::string_view value, std::string_view ns = {});
        /// Appends character data.
        Cursor& text(std::string_view text);
        /// Appends a child element and answers a cursor to the child. An empty `ns` takes this
        /// element's.
        Cursor add(std::string_view name, std::string_view ns = {});
        /// Appends a deep copy of `child`, and answers this cursor.
        Cursor& append(ElementRef child);
        ElementRef ref() const { return ElementRef(node_); }

    private:
        friend class Element;
        Cursor(Element& owner, Node* node)
            : owner_(&owner)
            , node_(node)
        {
        }
        Element* owner_;
        Node* node_;
    };

    /// A cursor to the root.
    Cursor cursor() { return Cursor(*this, root_); }
    /// A cursor to a node of this tree.
    Cursor at(ElementRef inside) { return Cursor(*this, const_cast<Node*>(inside.node())); }

    /// The root's cursor, spelled shorter; these answer the element itself for chaining.
    Element& attr(std::string_view name, std::string_view value, std::string_view ns = {})
    {
        cursor().attr(name, value, ns);
        return *this;
    }
    Element& remove_attr(std::string_view name, std::string_view ns = {});
    Element& text(std::string_view text)
    {
        cursor().text(text);
        return *this;
    }
    Cursor add(std::string_view name, std::string_view ns = {}) { return cursor().add(name, ns); }
    Element& append(ElementRef child)
    {
        cursor().append(child);
        return *this;
    }
    /// Removes a direct child (element); its memory stays in the arena until the tree dies.
    void remove_child(ElementRef child);
    /// Removes all children.
    void clear_children();

    /// What the tree lies in, and its root, for those that build without a cursor.
    Arena& arena() { return arena_; }
    Node* root() { return root_; }

    /// The bytes between start and end tag as they came over the wire, when they mean the same
    /// under any parent whose default namespace is this element's (no prefix from outside is used,
    /// nothing below the root was changed since). Empty otherwise. Sending an untouched stanza on
    /// copies these instead of serialising the tree. They lie in the arena.
    std::string_view raw_children() const { return raw_children_; }
    /// For parsers only: `raw` must lie in this element's arena and fulfil the promise above.
    void set_raw_children(std::string_view raw) { raw_children_ = raw; }

    friend bool operator==(const Element& a, const Element& b) { return a.ref() == b.ref(); }

private:
    Arena arena_;
    Node* root_ = nullptr;
    std::string_view raw_children_;
};

// ---- The XML functions of the guide (S58–S68) ----

/// S60. Serialises: attributes in single quotes, a childless element closed in its start tag,
/// `xmlns` written where it differs from `parent_ns`. Parsing the answer gives an equal element.
NUNCIO_API std::string to_string(ElementRef element, std::string_view parent_ns = {});
/// The same, appended to `out`.
NUNCIO_API void append_xml(std::string& out, ElementRef element, std::string_view parent_ns = {});
/// Only what is inside the element: children and text, relative to the element's own namespace.
NUNCIO_API void append_children_xml(std::string& out, ElementRef element);
/// The same for an owner: copies `raw_children()` where that is set.
NUNCIO_API void append_children_xml(std::string& out, const Element& element);

/// Only the attributes, each with a blank before it, for a start tag written by hand; the one
/// named `except` (without a namespace) is left out.
NUNCIO_API void append_attributes(
    std::string& out, ElementRef element, std::string_view except = {});

/// S61 (crypt). Escapes & < > " '.
NUNCIO_API std::string escape(std::string_view text);
NUNCIO_API void append_escaped(std::string& out, std::string_view text);

/// S62. The child elements of `element` without character data, in order.
NUNCIO_API std::vector<ElementRef> remove_cdata(ElementRef element);

/// S63. One step of a path.
struct PathItem {
    enum class Kind { element, attribute, cdata };
    Kind kind;
    std::string_view name;
};
constexpr PathItem path_element(std::string_view name)
{
    return { PathItem::Kind::element, name };
}
constexpr PathItem path_attr(std::string_view name)
{
    return { PathItem::Kind::attribute, name };
}
constexpr PathItem path_cdata()
{
    return { PathItem::Kind::cdata, {} };
}

/// S63 (get_path_s). An empty path answers the element; a missing element or attribute answers an
/// empty string; an attribute or cdata step must be the last one, else the answer is empty too.
NUNCIO_API std::variant<std::string, ElementRef> get_path(
    ElementRef element, std::span<const PathItem> path);

/// Bounds on one element read from outside.
struct XmlLimits {
    std::size_t bytes = 262144; ///< of one first-level element, tags and text
    std::size_t depth = 32; ///< nesting below the stream element
    std::size_t attributes = 64; ///< of one element
    std::size_t children = 8192; ///< nodes of one first-level element, text included
    std::size_t name_bytes = 1024; ///< of one qualified name or namespace name
    std::size_t prefixes = 64; ///< namespace prefixes in scope at once
};

/// Where and why parsing stopped.
struct XmlError {
    enum class Kind {
        not_well_formed, ///< RFC 6120 §4.9.3.13
        restricted, ///< comment, processing instruction, DTD, entity: RFC 6120 §4.9.3.18
        bad_namespace_prefix, ///< undeclared prefix: RFC 6120 §4.9.3.2
        bad_encoding, ///< not UTF-8: RFC 6120 §4.9.3.22
        limit, ///< a bound of XmlLimits: RFC 6120 §4.9.3.14
    };
    Kind kind = Kind::not_well_formed;
    std::string text; ///< lower case, what was found and what was expected
    std::uint64_t offset = 0; ///< in bytes, from the first byte given
};

/// S68. Parses exactly one element with nothing but white space around it; strict, and the error's
/// text ends in the byte offset.
NUNCIO_API Result<Element> parse_element(std::string_view text, const XmlLimits& limits = {});

/// Reads a whole document (XML declaration allowed) with Xerces-C++: no DTD, no entities, no
/// network. For configuration, import and tests; never for streams. The first call loads the
/// parser.
NUNCIO_API Result<Element> parse_document(std::string_view bytes);

}
