// Making nodes in an arena, and copying trees into one.
#pragma once

#include <nuncio/xml.h>

#include <cstddef>
#include <new>

namespace nuncio::inline v1 {

inline Node* make_node(Arena& arena)
{
    return new (arena.allocate(sizeof(Node))) Node;
}

inline Attribute* make_attribute(
    Arena& arena, std::string_view name, std::string_view ns, std::string_view value)
{
    return new (arena.allocate(sizeof(Attribute))) Attribute { name, ns, value, nullptr };
}

inline void link_child(Node& parent, Node* child)
{
    (parent.last_child ? parent.last_child->next : parent.first_child) = child;
    parent.last_child = child;
}

/// The room a copy of a tree takes in an arena; a little more when namespaces alternate.
inline std::size_t copied_size(const Node& node, std::string_view parent_ns = {})
{
    const auto rounded = [](std::size_t bytes) { return (bytes + 7) & ~std::size_t(7); };
    auto sum = sizeof(Node) + rounded(node.name.size()) + rounded(node.text.size());
    if (node.ns.data() != parent_ns.data())
        sum += rounded(node.ns.size());
    for (const auto* attribute = node.attributes; attribute; attribute = attribute->next)
        sum += sizeof(Attribute) + rounded(attribute->name.size()) + rounded(attribute->ns.size())
            + rounded(attribute->value.size());
    for (const auto* child = node.first_child; child; child = child->next)
        sum += copied_size(*child, node.ns);
    return sum;
}

/// Copies trees; a namespace that repeats is copied once.
class TreeCopy {
public:
    explicit TreeCopy(Arena& arena)
        : arena_(arena)
    {
    }

    Node* copy(const Node& from)
    {
        auto* const node = make_node(arena_);
        node->name = arena_.copy(from.name);
        node->ns = copy_ns(from.ns);
        node->text = arena_.copy(from.text);
        auto** link = &node->attributes;
        for (const auto* attribute = from.attributes; attribute; attribute = attribute->next) {
            *link = make_attribute(arena_, arena_.copy(attribute->name), copy_ns(attribute->ns),
                arena_.copy(attribute->value));
            link = &(*link)->next;
        }
        for (const auto* child = from.first_child; child; child = child->next)
            link_child(*node, copy(*child));
        return node;
    }

private:
    std::string_view copy_ns(std::string_view ns)
    {
        if (ns.empty())
            return {};
        for (const auto& known : known_) {
            if (known.from == ns.data() && known.copy.size() == ns.size())
                return known.copy;
        }
        auto& slot = known_[next_++ % std::size(known_)];
        slot = { ns.data(), arena_.copy(ns) };
        return slot.copy;
    }

    struct Known {
        const char* from = nullptr;
        std::string_view copy;
    };
    Arena& arena_;
    Known known_[8];
    unsigned next_ = 0;
};

}
