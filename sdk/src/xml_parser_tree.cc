// The strict parser: scopes, namespaces and nodes.
#include "xml_parser.h"
#include "xml_reference.h"

#include <nuncio/ns.h>

#include <algorithm>
#include <cstring>

namespace nuncio::inline v1 {

using Kind = XmlError::Kind;

namespace {

    // Trees are walked by recursion; this bounds the stack whatever the configuration says.
    constexpr std::size_t deepest = 4096;

    bool same_name(const Attribute& a, const Attribute& b)
    {
        return a.name == b.name && a.ns == b.ns;
    }

    /// Moves views from one copy of the raw bytes to another.
    class Mover {
    public:
        Mover(const char* from, std::size_t size, const char* to)
            : from_(reinterpret_cast<std::uintptr_t>(from))
            , size_(size)
            , to_(to)
        {
        }

        void move(std::string_view& text) const
        {
            // Wraps to a huge distance for what lies before: one comparison answers both.
            const auto distance = reinterpret_cast<std::uintptr_t>(text.data()) - from_;
            if (distance < size_)
                text = { to_ + distance, text.size() };
        }
        void move(Attribute* attribute) const
        {
            for (; attribute; attribute = attribute->next) {
                move(attribute->name);
                move(attribute->ns);
                move(attribute->value);
            }
        }
        void move(Node& node) const
        {
            move(node.name);
            move(node.text);
            move(node.attributes);
            for (auto* child = node.first_child; child; child = child->next)
                move(*child);
        }

    private:
        std::uintptr_t from_;
        std::size_t size_;
        const char* to_;
    };

}

void XmlParser::move_bytes(const char* to, std::size_t size)
{
    const Mover mover(base_, size, to);
    if (root_)
        mover.move(*root_);
    mover.move(attributes_);
    base_ = to;
    end_ = to + size;
}

Element XmlParser::take()
{
    const auto raw = arena_.copy(view(0, at_));
    move_bytes(raw.data(), at_);
    Element element(std::move(arena_), root_);
    if (what_ != What::header && raw_ok_ && raw_end_ > raw_start_ && root_default_ns_ == root_->ns)
        element.set_raw_children(view(raw_start_, raw_end_ - raw_start_));
    return element;
}

XmlContext XmlParser::header_context() const
{
    XmlContext context;
    context.qname = view(tag_.at, tag_.size);
    context.default_ns = default_ns_;
    for (const auto* binding = bindings_; binding; binding = binding->outer) {
        if (binding->prefix != "xml")
            context.prefixes.push_back({ binding->prefix, binding->ns });
    }
    return context;
}

// ---- Character data ----

void XmlParser::begin_text()
{
    text_start_ = plain_start_ = at_;
    decode_ = false;
    state_ = State::content;
}

XmlParser::Step XmlParser::end_text()
{
    const auto raw = view(text_start_, at_ - text_start_);
    if (raw.empty())
        return Step::go;
    const auto text = decode_ ? xml::decode_text(arena_, raw) : raw;
    if (text.empty())
        return Step::go;
    if (++nodes_ > limits_.children)
        return fail(Kind::limit, "more nodes in one element than the limit");
    auto* const node = make_node(arena_);
    node->text = text;
    link_child(*frame_->node, node);
    return Step::go;
}

// ---- Attributes and namespace declarations ----

XmlParser::Step XmlParser::end_attribute(std::size_t value_end)
{
    if (++attribute_count_ > limits_.attributes)
        return fail(Kind::limit, "more attributes than the limit");
    const auto raw = view(text_start_, value_end - text_start_);
    const auto value = decode_ ? xml::decode_value(arena_, raw) : raw;
    const auto name = view(name_.at, name_.size);
    space_seen_ = false;
    state_ = State::tag_space;
    if (name_.colon == 0 && name == "xmlns")
        return declare_default(value);
    const auto prefix = name.substr(0, name_.colon);
    const auto local = name_.colon == 0 ? name : name.substr(name_.colon + 1);
    if (prefix == "xmlns")
        return declare(local, value);
    // Prefixes are resolved when the whole tag is known; until then one stands in place of the
    // namespace.
    auto* const attribute = make_attribute(arena_, local, prefix, value);
    (last_attribute_ ? last_attribute_->next : attributes_) = attribute;
    last_attribute_ = attribute;
    prefixed_attribute_ = prefixed_attribute_ || !prefix.empty();
    return Step::go;
}

XmlParser::Step XmlParser::declare_default(std::string_view ns)
{
    if (default_declared_)
        return fail(Kind::not_well_formed, "an attribute twice in one tag");
    if (ns.size() > limits_.name_bytes)
        return fail(Kind::limit, "a namespace name is longer than the limit");
    if (ns == ns_xml || ns == ns_xmlns)
        return fail(Kind::bad_namespace_prefix, "a reserved namespace must not be declared");
    default_declared_ = true;
    default_ns_ = ns == default_ns_ ? default_ns_ : arena_.copy(ns);
    return Step::go;
}

XmlParser::Step XmlParser::declare(std::string_view prefix, std::string_view ns)
{
    if (ns.size() > limits_.name_bytes)
        return fail(Kind::limit, "a namespace name is longer than the limit");
    // Namespaces in XML §3.
    if ((prefix == "xml") != (ns == ns_xml) || prefix == "xmlns" || ns == ns_xmlns)
        return fail(Kind::bad_namespace_prefix, "a reserved namespace prefix must not be declared");
    if (ns.empty())
        return fail(Kind::not_well_formed, "a namespace prefix cannot be undeclared");
    for (const auto* other = bindings_; other != outer_bindings_; other = other->outer) {
        if (other->prefix == prefix)
            return fail(Kind::not_well_formed, "an attribute twice in one tag");
    }
    if (++binding_count_ + context_.prefixes.size() > limits_.prefixes)
        return fail(Kind::limit, "more namespace prefixes than the limit");
    // Copied, so that only nodes have to follow when the raw bytes move.
    bindings_ = new (arena_.allocate(sizeof(Binding)))
        Binding { arena_.copy(prefix), arena_.copy(ns), bindings_, frame_ != nullptr };
    return Step::go;
}

const XmlParser::Binding* XmlParser::find_binding(std::string_view prefix)
{
    for (const auto* binding = bindings_; binding; binding = binding->outer) {
        if (binding->prefix == prefix)
            return binding;
    }
    for (const auto* binding = inherited_; binding; binding = binding->outer) {
        if (binding->prefix == prefix)
            return binding;
    }
    for (const auto& known : context_.prefixes) {
        if (known.name != prefix)
            continue;
        // The element may outlive the stream, so it gets its own copy of what the header said.
        const auto ns = context_.is_static() ? known.ns : arena_.copy(known.ns);
        inherited_
            = new (arena_.allocate(sizeof(Binding))) Binding { known.name, ns, inherited_, false };
        return inherited_;
    }
    return nullptr;
}

XmlParser::Step XmlParser::resolve(Node& node)
{
    const auto find = [this](std::string_view prefix, std::string_view& ns) {
        if (prefix == "xml") {
            ns = ns_xml;
            return true;
        }
        const auto* binding = find_binding(prefix);
        if (!binding)
            return false;
        // The root is written anew when its children's bytes are sent on, and then declares
        // nothing.
        raw_ok_ = raw_ok_ && (binding->inside || !frame_);
        ns = binding->ns;
        return true;
    };
    const auto name = view(tag_.at, tag_.size);
    node.name = tag_.colon == 0 ? name : name.substr(tag_.colon + 1);
    node.ns = default_ns_;
    if (tag_.colon != 0 && !find(name.substr(0, tag_.colon), node.ns))
        return fail(Kind::bad_namespace_prefix, "a namespace prefix that was not declared");
    if (prefixed_attribute_) {
        for (auto* attribute = node.attributes; attribute; attribute = attribute->next) {
            if (!attribute->ns.empty() && !find(attribute->ns, attribute->ns))
                return fail(Kind::bad_namespace_prefix, "a namespace prefix that was not declared");
        }
    }
    return attribute_count_ > 1 ? check_duplicates(node) : Step::go;
}

XmlParser::Step XmlParser::check_duplicates(const Node& node)
{
    constexpr std::uint32_t few = 16;
    if (attribute_count_ <= few) {
        for (const auto* a = node.attributes; a; a = a->next) {
            for (const auto* b = a->next; b; b = b->next) {
                if (same_name(*a, *b))
                    return fail(Kind::not_well_formed, "an attribute twice in one tag");
            }
        }
        return Step::go;
    }
    std::vector<const Attribute*> sorted;
    sorted.reserve(attribute_count_);
    for (const auto* attribute = node.attributes; attribute; attribute = attribute->next)
        sorted.push_back(attribute);
    std::sort(sorted.begin(), sorted.end(), [](const Attribute* a, const Attribute* b) {
        return a->name != b->name ? a->name < b->name : a->ns < b->ns;
    });
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end(),
        [](const Attribute* a, const Attribute* b) { return same_name(*a, *b); });
    return twice == sorted.end() ? Step::go
                                 : fail(Kind::not_well_formed, "an attribute twice in one tag");
}

// ---- Elements ----

void XmlParser::push_frame(Node* node)
{
    auto*& place = frame_ ? frame_->inner : outermost_;
    if (!place)
        place = new (arena_.allocate(sizeof(Frame))) Frame {};
    auto* const inner = place->inner;
    *place
        = { node, frame_, inner, outer_bindings_, outer_default_ns_, tag_, outer_binding_count_ };
    frame_ = place;
    ++depth_;
}

void XmlParser::restore_scope(Binding* bindings, std::uint32_t count, std::string_view default_ns)
{
    bindings_ = bindings;
    binding_count_ = count;
    default_ns_ = default_ns;
}

XmlParser::Step XmlParser::open_element(bool empty)
{
    if (depth_ >= std::min(limits_.depth, deepest))
        return fail(Kind::limit, "elements nested deeper than the limit");
    if (frame_ && ++nodes_ > limits_.children)
        return fail(Kind::limit, "more nodes in one element than the limit");
    auto* const node = make_node(arena_);
    node->attributes = std::exchange(attributes_, nullptr);
    if (frame_)
        link_child(*frame_->node, node);
    else
        root_ = node;
    if (const auto next = resolve(*node); next != Step::go)
        return next;
    if (what_ == What::header) {
        closed_header_ = empty;
        return Step::done;
    }
    if (!frame_) {
        root_default_ns_ = default_ns_;
        raw_start_ = at_;
    }
    if (!empty) {
        push_frame(node);
    } else {
        restore_scope(outer_bindings_, outer_binding_count_, outer_default_ns_);
        if (!frame_)
            return Step::done;
    }
    begin_text();
    return Step::go;
}

XmlParser::Step XmlParser::close_element()
{
    const auto& frame = *frame_;
    restore_scope(frame.bindings, frame.binding_count, frame.default_ns);
    frame_ = frame.outer;
    --depth_;
    if (!frame_)
        return Step::done;
    begin_text();
    return Step::go;
}

}
