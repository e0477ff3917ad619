#include "pattern.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <strings.h>

namespace nuncio::ldap {

namespace {

    void append_hex(std::string& out, char byte)
    {
        constexpr char digits[] = "0123456789abcdef";
        out += '\\';
        out += digits[static_cast<unsigned char>(byte) >> 4];
        out += digits[static_cast<unsigned char>(byte) & 15];
    }

    /// RFC 4512 §2.5: a name or an OID, with options.
    bool is_attribute(std::string_view text)
    {
        return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
            return c < 0x80 && (std::isalnum(c) || c == '-' || c == '.' || c == ';' || c == '_');
        });
    }

    std::string escaped(std::string_view value, Escape escape)
    {
        switch (escape) {
        case Escape::filter:
            return escape_filter_value(value);
        case Escape::dn:
            return escape_dn_value(value);
        case Escape::none:
            break;
        }
        return std::string(value);
    }

    bool ends_equal(std::string_view text, std::string_view end)
    {
        return text.size() >= end.size()
            && ::strncasecmp(text.data() + text.size() - end.size(), end.data(), end.size()) == 0;
    }

}

std::string escape_filter_value(std::string_view value)
{
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        // Blanks at the ends are not special to the RFC, but readers of filters have cut them off.
        const bool is_outer_blank = c == ' ' && (i == 0 || i + 1 == value.size());
        if (c == '*' || c == '(' || c == ')' || c == '\\' || c == '\0' || is_outer_blank)
            append_hex(out, c);
        else
            out += c;
    }
    return out;
}

std::string escape_dn_value(std::string_view value)
{
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        const bool is_outer_blank = c == ' ' && (i == 0 || i + 1 == value.size());
        if (std::string_view("\"+,;<>\\=\0", 9).find(c) != std::string_view::npos || is_outer_blank
            || (c == '#' && i == 0))
            append_hex(out, c);
        else
            out += c;
    }
    return out;
}

Result<Pattern> Pattern::parse(std::string_view text, Gaps gaps)
{
    Pattern made;
    std::string plain;
    const auto add = [&](Piece::Kind kind, std::string_view name = {}) {
        if (!plain.empty())
            made.pieces_.push_back({ Piece::Kind::text, std::exchange(plain, {}) });
        made.pieces_.push_back({ kind, std::string(name) });
    };
    const bool may_name_entry = gaps == Gaps::entry;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        const char gap = ++i < text.size() ? text[i] : '\0';
        if (gap == '%') {
            plain += '%';
        } else if (gap == 'u') {
            add(Piece::Kind::user);
        } else if (gap == 'd') {
            add(Piece::Kind::domain);
        } else if (gap == 'D' && may_name_entry) {
            add(Piece::Kind::dn);
        } else if (gap == '{' && may_name_entry) {
            const auto end = text.find('}', i);
            const auto name = text.substr(i + 1, end == text.npos ? end : end - i - 1);
            if (end == text.npos || !is_attribute(name))
                return Error { "expected the name of an attribute between %{ and }" };
            add(Piece::Kind::attribute, name);
            i = end;
        } else {
            return Error { may_name_entry ? "after % expected u, d, D, {attribute} or %"
                                          : "after % expected u, d or %" };
        }
    }
    if (!plain.empty())
        made.pieces_.push_back({ Piece::Kind::text, std::move(plain) });
    return made;
}

std::optional<std::string> Pattern::fill(const Subject& subject, Escape escape) const
{
    std::string out;
    for (const Piece& piece : pieces_) {
        switch (piece.kind) {
        case Piece::Kind::text:
            out += piece.text;
            break;
        case Piece::Kind::user:
            out += subject.any_user ? "*" : escaped(subject.user, escape);
            break;
        case Piece::Kind::domain:
            out += escaped(subject.domain, escape);
            break;
        case Piece::Kind::dn:
            out += escaped(subject.entry->dn, escape);
            break;
        case Piece::Kind::attribute: {
            const auto& values = subject.entry->values(piece.text);
            if (values.empty())
                return {};
            out += escaped(values.front(), escape);
            break;
        }
        }
    }
    return out;
}

bool Pattern::has_user() const
{
    return std::ranges::any_of(
        pieces_, [](const Piece& piece) { return piece.kind == Piece::Kind::user; });
}

std::vector<std::string> Pattern::attributes() const
{
    std::vector<std::string> names;
    for (const Piece& piece : pieces_)
        if (piece.kind == Piece::Kind::attribute)
            names.push_back(piece.text);
    return names;
}

Result<NameRule> NameRule::parse(std::string_view text, std::string_view domain)
{
    NameRule rule;
    const auto equals = text.find('=');
    rule.attribute_ = text.substr(0, equals);
    if (!is_attribute(rule.attribute_))
        return Error { "expected the name of an attribute, alone or as in \"mail=%u@%d\"" };
    if (equals == text.npos)
        return rule;
    const auto value = text.substr(equals + 1);
    const auto at = value.find("%u");
    if (at == value.npos || value.find("%u", at + 2) != value.npos)
        return Error { "expected %u once in the value" };
    for (auto [part, whole] : { std::pair { value.substr(0, at), &rule.before_ },
             std::pair { value.substr(at + 2), &rule.after_ } }) {
        const auto pattern = Pattern::parse(part, Pattern::Gaps::user);
        if (!pattern)
            return pattern.error();
        *whole = *pattern->fill({ .domain = domain }, Escape::none);
    }
    return rule;
}

std::optional<std::string> NameRule::user_of(std::string_view value) const
{
    if (value.size() <= before_.size() + after_.size() || !ends_equal(value, after_)
        || !ends_equal(value.substr(0, before_.size()), before_))
        return {};
    value.remove_prefix(before_.size());
    value.remove_suffix(after_.size());
    auto user = prepare_local(value);
    if (!user)
        return {}; // a name that no address can hold
    return *std::move(user);
}

}
