// One element out of bytes that may arrive in pieces: the strict parser under XmlStream and
// parse_element.
#pragma once

#include "tree_copy.h"
#include "xml_context.h"

#include <cstdint>
#include <vector>

namespace nuncio::inline v1 {

/// Parses one stream header, one first-level element, or the stream's end tag.
///
/// The caller keeps all bytes of the element together, starting at the same first byte in every
/// call of `run`; the parser goes on where it stopped, so each byte is looked at once however
/// the bytes are cut. Names and text of the tree are views into the caller's bytes until `take`
/// copies these into the arena; when the caller moves its bytes meanwhile, it says so with
/// `move_bytes`.
class XmlParser {
public:
    enum class What {
        header, ///< BOM, XML declaration and the start tag of the stream element
        element, ///< from its '<' on; the stream's end tag is possible too
        alone, ///< an element that stands in no stream
    };
    enum class Outcome { need_more, complete, stream_end, failed };

    /// The limits and the context outlive the parser.
    XmlParser(What what, const XmlLimits& limits, const XmlContext& context);

    /// Goes on with the bytes [base, base + size), of which the earlier calls saw a prefix.
    Outcome run(const char* base, std::size_t size);

    /// After `complete`: the number of bytes that the element takes.
    std::size_t consumed() const { return at_; }
    /// After `complete`: the tree. Only the start tag in the case of a header.
    Element take();
    /// After `complete` of a header: what it declares; the views lie in the tree that `take`
    /// answers.
    XmlContext header_context() const;
    /// After `complete` of a header: it was `<stream:stream/>`.
    bool is_closed_header() const { return closed_header_; }

    XmlError::Kind error_kind() const { return error_kind_; }
    const char* error_text() const { return error_text_; }
    std::size_t error_offset() const { return at_; }

    /// The bytes seen so far lie at `to` now.
    void move_bytes(const char* to, std::size_t size);
    std::size_t memory() const { return arena_.capacity(); }
    /// Bytes read by all calls of `run`, those read twice counted twice.
    std::uint64_t work() const { return work_; }

    /// For a header after white space: XML allows no declaration there.
    void refuse_declaration() { declaration_allowed_ = false; }

private:
    enum class State : std::uint8_t {
        prologue, // before the header's '<'
        content,
        cdata,
        markup, // at '<'
        tag_name,
        tag_space, // after the name or a value
        attribute_name,
        equals,
        quote,
        value,
        empty_tag, // after '/'
        end_name,
        end_space,
        end_stream_name,
        end_stream_space,
    };
    enum class Step : std::uint8_t { go, more, done, stream_end, failed };

    // Positions are offsets from base_, because the bytes may move between calls.
    struct Name {
        std::uint32_t at = 0;
        std::uint32_t size = 0;
        std::uint32_t colon = 0; // 0: no prefix
    };
    struct Binding {
        std::string_view prefix;
        std::string_view ns;
        Binding* outer;
        bool inside; // declared below the root: raw children may lean on it
    };
    struct Frame {
        Node* node;
        Frame* outer;
        Frame* inner; // kept for reuse
        Binding* bindings; // to restore at the end tag
        std::string_view default_ns; // to restore at the end tag
        Name name;
        std::uint32_t binding_count; // to restore at the end tag
    };

    Outcome run_steps(std::size_t size, std::size_t limit);
    Step step();
    Step prologue();
    Step content();
    Step cdata();
    Step markup();
    Step markup_declaration();
    Step tag_name();
    Step tag_space();
    Step attribute_name();
    Step equals();
    Step quote();
    Step value();
    Step empty_tag();
    Step end_name();
    Step end_space();
    Step end_stream_name();
    Step end_stream_space();

    Step scan_name();
    Step end_of_name();
    Step match(std::string_view expected, State next);
    Step skip_space();
    Step reference();
    Step character();
    Step fail(XmlError::Kind kind, const char* text);

    Step end_attribute(std::size_t value_end);
    Step declare(std::string_view prefix, std::string_view ns);
    Step declare_default(std::string_view ns);
    Step open_element(bool empty);
    Step close_element();
    Step resolve(Node& node);
    const Binding* find_binding(std::string_view prefix);
    Step check_duplicates(const Node& node);
    Step end_text();
    void push_frame(Node* node);
    void restore_scope(Binding* bindings, std::uint32_t count, std::string_view default_ns);
    void begin_text();

    const char* here() const { return base_ + at_; }
    void stop_at(const char* place) { at_ = static_cast<std::size_t>(place - base_); }
    std::string_view view(std::size_t at, std::size_t size) const { return { base_ + at, size }; }

    const char* base_ = nullptr;
    const char* end_ = nullptr;
    std::size_t at_ = 0;
    std::uint64_t work_ = 0;
    State state_;
    What what_;
    bool declaration_allowed_ = true;
    bool closed_header_ = false;

    // The character data or attribute value being read.
    std::size_t text_start_ = 0;
    std::size_t plain_start_ = 0; // after the last CDATA section, for "]]>"
    bool decode_ = false; // has references, carriage returns or CDATA sections
    char quote_ = 0;

    // The tag being read.
    Name name_; // of the tag, then of the attribute
    Name tag_;
    Attribute* attributes_ = nullptr;
    Attribute* last_attribute_ = nullptr;
    std::uint32_t attribute_count_ = 0;
    bool space_seen_ = false;
    bool prefixed_attribute_ = false;
    bool default_declared_ = false;
    Binding* outer_bindings_ = nullptr; // at the start of the tag
    std::string_view outer_default_ns_;
    std::uint32_t outer_binding_count_ = 0;

    // The tree.
    Arena arena_;
    Node* root_ = nullptr;
    Frame* frame_ = nullptr; // innermost open element
    Frame* outermost_ = nullptr; // kept for reuse
    std::size_t depth_ = 0;
    std::size_t nodes_ = 0;
    Binding* bindings_ = nullptr;
    std::uint32_t binding_count_ = 0;
    std::string_view default_ns_;
    Binding* inherited_ = nullptr; // copied from the context when first used

    // raw_children's promise.
    std::size_t raw_start_ = 0;
    std::size_t raw_end_ = 0;
    bool raw_ok_ = true;
    std::string_view root_default_ns_;

    const XmlLimits& limits_;
    const XmlContext& context_;
    XmlError::Kind error_kind_ = XmlError::Kind::not_well_formed;
    const char* error_text_ = "";
};

}
