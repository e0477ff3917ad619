// Elements: questions about a borrowed tree, and building an owned one.
#include "tree_copy.h"
#include "unicode.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace nuncio::inline v1 {

namespace {

    std::string_view copy_text(Arena& arena, std::string_view text)
    {
        // What a plugin writes goes to somebody else's parser: one control character from a file or
        // a script would end that client's stream.
        if (unicode::is_xml_text(text))
            return arena.copy(text);
        return arena.copy(unicode::make_xml_text(text));
    }

    const Attribute* find_attribute(const Node& node, std::string_view name, std::string_view ns)
    {
        for (const auto* attribute = node.attributes; attribute; attribute = attribute->next) {
            if (attribute->name == name && attribute->ns == ns)
                return attribute;
        }
        return nullptr;
    }

    const Node* next_element(const Node* node)
    {
        while (node && !node->is_element())
            node = node->next;
        return node;
    }

    bool same_attributes(const Node& a, const Node& b)
    {
        std::size_t count = 0;
        for (const auto* attribute = a.attributes; attribute; attribute = attribute->next) {
            const auto* other = find_attribute(b, attribute->name, attribute->ns);
            if (!other || other->value != attribute->value)
                return false;
            ++count;
        }
        for (const auto* attribute = b.attributes; attribute; attribute = attribute->next)
            --count;
        return count == 0;
    }

    /// Reads the character data up to the next element as one run of bytes, however it is split.
    bool same_text(const Node*& a, const Node*& b)
    {
        std::string_view rest_a;
        std::string_view rest_b;
        for (;;) {
            for (; rest_a.empty() && a && !a->is_element(); a = a->next)
                rest_a = a->text;
            for (; rest_b.empty() && b && !b->is_element(); b = b->next)
                rest_b = b->text;
            const auto size = std::min(rest_a.size(), rest_b.size());
            if (size == 0)
                return rest_a.empty() && rest_b.empty();
            if (rest_a.substr(0, size) != rest_b.substr(0, size))
                return false;
            rest_a.remove_prefix(size);
            rest_b.remove_prefix(size);
        }
    }

    bool same(const Node& a, const Node& b)
    {
        if (a.name != b.name || a.ns != b.ns || !same_attributes(a, b))
            return false;
        const auto* child_a = a.first_child;
        const auto* child_b = b.first_child;
        for (;;) {
            if (!same_text(child_a, child_b))
                return false;
            if (!child_a || !child_b)
                return child_a == child_b;
            if (!same(*child_a, *child_b))
                return false;
            child_a = child_a->next;
            child_b = child_b->next;
        }
    }

}

// ---- ElementRef ----

std::string_view ElementRef::attr(std::string_view name, std::string_view ns) const
{
    const auto* found = node_ ? find_attribute(*node_, name, ns) : nullptr;
    return found ? found->value : std::string_view();
}

bool ElementRef::has_attr(std::string_view name, std::string_view ns) const
{
    return node_ && find_attribute(*node_, name, ns);
}

ElementRef ElementRef::child(std::string_view name) const
{
    return node_ ? child(name, node_->ns) : ElementRef();
}

ElementRef ElementRef::child(std::string_view name, std::string_view ns) const
{
    for (ElementRef found = first_child(); found; found = found.next()) {
        if (found.ns() == ns && (name.empty() || found.name() == name))
            return found;
    }
    return {};
}

ElementRef ElementRef::first_child() const
{
    return ElementRef(node_ ? next_element(node_->first_child) : nullptr);
}

ElementRef ElementRef::next() const
{
    return ElementRef(node_ ? next_element(node_->next) : nullptr);
}

std::string ElementRef::text() const
{
    std::string all;
    for (const auto* child = node_ ? node_->first_child : nullptr; child; child = child->next)
        all.append(child->text);
    return all;
}

std::string_view ElementRef::text_view() const
{
    for (const auto* child = node_ ? node_->first_child : nullptr; child; child = child->next) {
        if (!child->is_element())
            return child->text;
    }
    return {};
}

bool operator==(ElementRef a, ElementRef b)
{
    if (!a.node() || !b.node())
        return a.node() == b.node();
    return same(*a.node(), *b.node());
}

// ---- Element ----

Element::Element(std::string_view name, std::string_view ns)
    : root_(make_node(arena_))
{
    root_->name = arena_.copy(name);
    root_->ns = arena_.copy(ns);
}

Element::Element(ElementRef ref)
{
    if (ref)
        root_ = TreeCopy(arena_).copy(*ref.node());
}

Element::Element(Arena arena, Node* root)
    : arena_(std::move(arena))
    , root_(root)
{
}

Element::Element(const Element& other)
{
    if (!other.root_)
        return;
    arena_.reserve(
        copied_size(*other.root_) + ((other.raw_children_.size() + 7) & ~std::size_t(7)));
    root_ = TreeCopy(arena_).copy(*other.root_);
    raw_children_ = arena_.copy(other.raw_children_);
}

Element& Element::operator=(const Element& other)
{
    if (this != &other)
        *this = Element(other);
    return *this;
}

Element::Element(Element&& other) noexcept
    : arena_(std::move(other.arena_))
    , root_(std::exchange(other.root_, nullptr))
    , raw_children_(std::exchange(other.raw_children_, {}))
{
}

Element& Element::operator=(Element&& other) noexcept
{
    if (this != &other) {
        arena_ = std::move(other.arena_);
        root_ = std::exchange(other.root_, nullptr);
        raw_children_ = std::exchange(other.raw_children_, {});
    }
    return *this;
}

Element::~Element() = default;

Element& Element::remove_attr(std::string_view name, std::string_view ns)
{
    for (auto** link = root_ ? &root_->attributes : nullptr; link && *link; link = &(*link)->next) {
        if ((*link)->name == name && (*link)->ns == ns) {
            *link = (*link)->next;
            break;
        }
    }
    return *this;
}

void Element::remove_child(ElementRef child)
{
    Node* previous = nullptr;
    for (auto* at = root_ ? root_->first_child : nullptr; at; previous = at, at = at->next) {
        if (at != child.node())
            continue;
        (previous ? previous->next : root_->first_child) = at->next;
        if (root_->last_child == at)
            root_->last_child = previous;
        at->next = nullptr;
        raw_children_ = {};
        return;
    }
}

void Element::clear_children()
{
    if (root_)
        root_->first_child = root_->last_child = nullptr;
    raw_children_ = {};
}

// ---- Cursor ----

Element::Cursor& Element::Cursor::attr(
    std::string_view name, std::string_view value, std::string_view ns)
{
    assert(node_ && !name.empty());
    auto& arena = owner_->arena_;
    if (node_ != owner_->root_)
        owner_->raw_children_ = {};
    auto** link = &node_->attributes;
    for (; *link; link = &(*link)->next) {
        if ((*link)->name == name && (*link)->ns == ns) {
            (*link)->value = copy_text(arena, value);
            return *this;
        }
    }
    *link = make_attribute(arena, arena.copy(name), arena.copy(ns), copy_text(arena, value));
    return *this;
}

Element::Cursor& Element::Cursor::text(std::string_view text)
{
    assert(node_);
    if (text.empty())
        return *this;
    auto* const node = make_node(owner_->arena_);
    node->text = copy_text(owner_->arena_, text);
    link_child(*node_, node);
    owner_->raw_children_ = {};
    return *this;
}

Element::Cursor Element::Cursor::add(std::string_view name, std::string_view ns)
{
    assert(node_ && !name.empty());
    auto& arena = owner_->arena_;
    auto* const node = make_node(arena);
    node->name = arena.copy(name);
    node->ns = ns.empty() || ns == node_->ns ? node_->ns : arena.copy(ns);
    link_child(*node_, node);
    owner_->raw_children_ = {};
    return Cursor(*owner_, node);
}

Element::Cursor& Element::Cursor::append(ElementRef child)
{
    assert(node_);
    if (!child)
        return *this;
    // Copied before it is linked: the child may be an ancestor of this place.
    link_child(*node_, TreeCopy(owner_->arena_).copy(*child.node()));
    owner_->raw_children_ = {};
    return *this;
}

}
