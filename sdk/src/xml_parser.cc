// The strict parser: reading bytes. What it makes of them is in xml_parser_tree.cc.
#include "xml_parser.h"

#include "unicode.h"
#include "xml_declaration.h"
#include "xml_reference.h"
#include "xml_scan.h"

#include <algorithm>
#include <cstring>

namespace nuncio::inline v1 {

using Kind = XmlError::Kind;

XmlParser::XmlParser(What what, const XmlLimits& limits, const XmlContext& context)
    : state_(what == What::header ? State::prologue : State::markup)
    , what_(what)
    , limits_(limits)
    , context_(context)
{
    // The element may outlive the stream whose header declared this.
    default_ns_ = context.is_static() ? context.default_ns : arena_.copy(context.default_ns);
}

XmlParser::Outcome XmlParser::run(const char* base, std::size_t size)
{
    // Positions are kept in 32 bits.
    const auto limit = std::min<std::size_t>(limits_.bytes, 0xFFFFFF00);
    base_ = base;
    end_ = base + std::min(size, limit);
    const auto before = at_;
    const auto outcome = run_steps(size, limit);
    work_ += (outcome == Outcome::need_more ? size : at_) - before;
    return outcome;
}

XmlParser::Outcome XmlParser::run_steps(std::size_t size, std::size_t limit)
{
    for (;;) {
        switch (step()) {
        case Step::go:
            break;
        case Step::done:
            return Outcome::complete;
        case Step::stream_end:
            return Outcome::stream_end;
        case Step::more:
            if (size < limit)
                return Outcome::need_more;
            at_ = limit;
            fail(Kind::limit, "the element is longer than the limit");
            return Outcome::failed;
        case Step::failed:
            return Outcome::failed;
        }
    }
}

XmlParser::Step XmlParser::step()
{
    switch (state_) {
    case State::prologue:
        return prologue();
    case State::content:
        return content();
    case State::cdata:
        return cdata();
    case State::markup:
        return markup();
    case State::tag_name:
        return tag_name();
    case State::tag_space:
        return tag_space();
    case State::attribute_name:
        return attribute_name();
    case State::equals:
        return equals();
    case State::quote:
        return quote();
    case State::value:
        return value();
    case State::empty_tag:
        return empty_tag();
    case State::end_name:
        return match(view(frame_->name.at, frame_->name.size), State::end_space);
    case State::end_space:
        return end_space();
    case State::end_stream_name:
        return match(context_.qname, State::end_stream_space);
    case State::end_stream_space:
        return end_space();
    }
    return Step::failed;
}

XmlParser::Step XmlParser::fail(XmlError::Kind kind, const char* text)
{
    error_kind_ = kind;
    error_text_ = text;
    return Step::failed;
}

// ---- Before the header ----

XmlParser::Step XmlParser::prologue()
{
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (at_ == 0 && declaration_allowed_ && here() != end_ && *here() == byte_order_mark[0]) {
        const auto seen = view(0, static_cast<std::size_t>(end_ - base_)).substr(0, 3);
        if (!byte_order_mark.starts_with(seen))
            return fail(Kind::not_well_formed, "a stream must begin with '<'");
        if (seen.size() < 3)
            return Step::more;
        at_ = 3;
    }
    if (here() == end_)
        return Step::more;
    const char* const at = xml::skip_space(here(), end_);
    declaration_allowed_ = declaration_allowed_ && at == here();
    stop_at(at);
    if (at == end_)
        return Step::more;
    state_ = State::markup;
    if (*at == '<')
        return Step::go;
    return fail(Kind::not_well_formed, "a stream must begin with '<'");
}

// ---- Character data ----

/// Looks at one character that stopped a fast scan and is no markup; moves past it.
XmlParser::Step XmlParser::character()
{
    const auto [c, size] = unicode::decode(here(), end_);
    if (size == 0)
        return Step::more;
    if (size < 0)
        return fail(Kind::bad_encoding, "a byte that is not UTF-8");
    if (!unicode::is_xml_char(c))
        return fail(Kind::not_well_formed, "a character that XML forbids");
    at_ += static_cast<std::size_t>(size);
    return Step::go;
}

XmlParser::Step XmlParser::reference()
{
    using Verdict = xml::Reference::Verdict;
    const auto found = xml::read_reference(here(), end_);
    decode_ = true;
    switch (found.verdict) {
    case Verdict::ok:
        at_ += found.size;
        return Step::go;
    case Verdict::need_more:
        return Step::more;
    case Verdict::restricted:
        return fail(Kind::restricted, "an entity that is not one of XML's five");
    case Verdict::limit:
        return fail(Kind::limit, "a character reference of more than 64 bytes");
    case Verdict::not_well_formed:
        break;
    }
    return fail(Kind::not_well_formed, "'&' without a reference to a legal character");
}

XmlParser::Step XmlParser::content()
{
    for (;;) {
        const char* const at = xml::skip_text(here(), end_);
        stop_at(at);
        if (at == end_)
            return Step::more;
        Step next = Step::go;
        switch (*at) {
        case '<':
            state_ = State::markup;
            return markup();
        case '&':
            next = reference();
            break;
        case '>':
            if (at_ - plain_start_ >= 2 && at[-1] == ']' && at[-2] == ']')
                return fail(Kind::not_well_formed, "\"]]>\" in character data");
            ++at_;
            break;
        case '\r':
            decode_ = true;
            ++at_;
            break;
        default:
            next = character();
        }
        if (next != Step::go)
            return next;
    }
}

XmlParser::Step XmlParser::cdata()
{
    for (;;) {
        const char* const at = xml::skip_text(here(), end_);
        stop_at(at);
        if (at == end_)
            return Step::more;
        if (*at == '>' && at_ - plain_start_ >= 2 && at[-1] == ']' && at[-2] == ']') {
            plain_start_ = ++at_;
            state_ = State::content;
            return Step::go;
        }
        if (const auto next = character(); next != Step::go)
            return next;
    }
}

// ---- Markup ----

// Each step goes on with the next one itself, and is found again through `state_` when the bytes
// end in the middle of it.

XmlParser::Step XmlParser::markup()
{
    const char* const at = here();
    if (end_ - at < 2)
        return Step::more;
    if (at[1] == '!')
        return markup_declaration();
    if (at[1] == '?') {
        if (what_ != What::header || !declaration_allowed_)
            return fail(Kind::restricted, "a processing instruction is not allowed");
        const auto found = xml::read_declaration(view(at_, static_cast<std::size_t>(end_ - at)));
        if (found.verdict == xml::Declaration::Verdict::need_more)
            return Step::more;
        if (found.verdict == xml::Declaration::Verdict::failed)
            return fail(found.kind, found.text);
        at_ += found.size;
        declaration_allowed_ = false;
        state_ = State::prologue;
        return Step::go;
    }
    if (frame_) {
        if (const auto next = end_text(); next != Step::go)
            return next;
    }
    if (at[1] != '/') {
        ++at_;
        name_ = { static_cast<std::uint32_t>(at_), 0, 0 };
        state_ = State::tag_name;
        return tag_name();
    }
    if (!frame_ && (what_ != What::element || context_.qname.empty()))
        return fail(Kind::not_well_formed, "an end tag where a start tag was expected");
    if (frame_ && !frame_->outer)
        raw_end_ = at_;
    at_ += 2;
    name_.at = static_cast<std::uint32_t>(at_);
    state_ = frame_ ? State::end_name : State::end_stream_name;
    return Step::go;
}

XmlParser::Step XmlParser::markup_declaration()
{
    constexpr std::string_view cdata_start = "<![CDATA[";
    const auto seen
        = view(at_, static_cast<std::size_t>(end_ - here())).substr(0, cdata_start.size());
    if (frame_ && cdata_start.starts_with(seen)) {
        if (seen.size() < cdata_start.size())
            return Step::more;
        at_ += cdata_start.size();
        plain_start_ = at_;
        decode_ = true;
        state_ = State::cdata;
        return Step::go;
    }
    if (seen.size() < 3)
        return Step::more;
    if (seen[2] == '-')
        return fail(Kind::restricted, "a comment is not allowed");
    if (seen[2] == 'D')
        return fail(Kind::restricted, "a document type declaration is not allowed");
    return fail(Kind::not_well_formed, "\"<!\" where no CDATA section can stand");
}

/// Moves over the bytes of a name; `more` when it may go on.
XmlParser::Step XmlParser::scan_name()
{
    const auto longest = std::min<std::size_t>(limits_.name_bytes, 0xFFFFFF00);
    const char* const start = base_ + name_.at;
    const char* const stop
        = static_cast<std::size_t>(end_ - start) > longest ? start + longest + 1 : end_;
    const char* at = here();
    while (at < stop) {
        if (xml::is(*at, xml::name_byte)) {
            ++at;
            continue;
        }
        if (*at == ':') {
            stop_at(at);
            if (name_.colon != 0 || at == start)
                return fail(Kind::not_well_formed, "a colon in the wrong place of a name");
            name_.colon = static_cast<std::uint32_t>(at - start);
            ++at;
            continue;
        }
        if (static_cast<signed char>(*at) >= 0)
            break;
        const auto [c, size] = unicode::decode(at, end_);
        stop_at(at);
        if (size == 0)
            return Step::more;
        if (size < 0)
            return fail(Kind::bad_encoding, "a byte that is not UTF-8");
        if (!unicode::is_name_char(c))
            return fail(Kind::not_well_formed, "a character that may not stand in a name");
        at += size;
    }
    stop_at(at);
    name_.size = static_cast<std::uint32_t>(at - start);
    if (name_.size > longest)
        return fail(Kind::limit, "a name is longer than the limit");
    return at == end_ ? Step::more : Step::go;
}

/// Checks how the name and its local part start.
XmlParser::Step XmlParser::end_of_name()
{
    const auto name = view(name_.at, name_.size);
    const auto starts_well = [&name](std::size_t at) {
        const char* const start = name.data() + at;
        if (at < name.size() && static_cast<unsigned char>((*start | 0x20) - 'a') < 26)
            return true;
        const auto [c, size] = unicode::decode(start, name.data() + name.size());
        return size > 0 && unicode::is_name_start(c);
    };
    if (!starts_well(0) || (name_.colon != 0 && !starts_well(name_.colon + 1)))
        return fail(Kind::not_well_formed, "a name was expected");
    return Step::go;
}

XmlParser::Step XmlParser::tag_name()
{
    if (const auto next = scan_name(); next != Step::go)
        return next;
    tag_ = name_;
    attributes_ = last_attribute_ = nullptr;
    attribute_count_ = 0;
    space_seen_ = prefixed_attribute_ = default_declared_ = false;
    outer_bindings_ = bindings_;
    outer_binding_count_ = binding_count_;
    outer_default_ns_ = default_ns_;
    if (const auto next = end_of_name(); next != Step::go)
        return next;
    state_ = State::tag_space;
    return tag_space();
}

inline XmlParser::Step XmlParser::skip_space()
{
    const char* const at = xml::skip_space(here(), end_);
    stop_at(at);
    return at == end_ ? Step::more : Step::go;
}

XmlParser::Step XmlParser::tag_space()
{
    const auto before = at_;
    const auto next = skip_space();
    space_seen_ = space_seen_ || at_ != before;
    if (next != Step::go)
        return next;
    if (*here() == '>') {
        ++at_;
        return open_element(false);
    }
    if (*here() == '/') {
        ++at_;
        state_ = State::empty_tag;
        return empty_tag();
    }
    if (!space_seen_)
        return fail(Kind::not_well_formed, "white space, '/' or '>' was expected in a tag");
    name_ = { static_cast<std::uint32_t>(at_), 0, 0 };
    state_ = State::attribute_name;
    return attribute_name();
}

XmlParser::Step XmlParser::attribute_name()
{
    if (const auto next = scan_name(); next != Step::go)
        return next;
    if (const auto next = end_of_name(); next != Step::go)
        return next;
    state_ = State::equals;
    return equals();
}

XmlParser::Step XmlParser::equals()
{
    if (skip_space() != Step::go)
        return Step::more;
    if (*here() != '=')
        return fail(Kind::not_well_formed, "'=' was expected after an attribute's name");
    ++at_;
    state_ = State::quote;
    return quote();
}

XmlParser::Step XmlParser::quote()
{
    if (skip_space() != Step::go)
        return Step::more;
    quote_ = *here();
    if (quote_ != '\'' && quote_ != '"')
        return fail(Kind::not_well_formed, "a quote was expected after '='");
    text_start_ = ++at_;
    decode_ = false;
    state_ = State::value;
    return value();
}

XmlParser::Step XmlParser::value()
{
    for (;;) {
        const char* const at = xml::skip_value(here(), end_, quote_);
        stop_at(at);
        if (at == end_)
            return Step::more;
        if (*at == quote_) {
            ++at_;
            return end_attribute(at_ - 1);
        }
        if (*at == '<')
            return fail(Kind::not_well_formed, "'<' in an attribute's value");
        decode_ = decode_ || xml::is(*at, xml::space);
        if (const auto next = *at == '&' ? reference() : character(); next != Step::go)
            return next;
    }
}

XmlParser::Step XmlParser::empty_tag()
{
    if (here() == end_)
        return Step::more;
    if (*here() != '>')
        return fail(Kind::not_well_formed, "'>' was expected after '/'");
    ++at_;
    return open_element(true);
}

/// Compares the name of an end tag as far as it has come.
XmlParser::Step XmlParser::match(std::string_view expected, State next)
{
    const auto done = at_ - name_.at;
    const auto size = std::min(expected.size() - done, static_cast<std::size_t>(end_ - here()));
    if (std::memcmp(expected.data() + done, here(), size) != 0) {
        stop_at(std::mismatch(here(), here() + size, expected.data() + done).first);
        return fail(Kind::not_well_formed, "an end tag that does not match its start tag");
    }
    at_ += size;
    if (done + size < expected.size())
        return Step::more;
    state_ = next;
    return end_space();
}

XmlParser::Step XmlParser::end_space()
{
    if (skip_space() != Step::go)
        return Step::more;
    if (*here() != '>')
        return fail(Kind::not_well_formed, "an end tag that does not match its start tag");
    ++at_;
    return state_ == State::end_space ? close_element() : Step::stream_end;
}

}
