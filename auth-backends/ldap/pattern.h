// What an administrator writes with gaps for the user's name: values, filters, DNs.
#pragma once

#include "entry.h"

#include <nuncio/result.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::ldap {

/// RFC 4515 §3: `value` as an assertion value that means nothing but itself.
std::string escape_filter_value(std::string_view value);
/// RFC 4514 §2.4: `value` as an attribute value of a DN.
std::string escape_dn_value(std::string_view value);

/// How what fills a gap is written.
enum class Escape { none, filter, dn };

/// `%u` is the user, `%d` the host's domain, `%%` a percent sign; where an entry is at hand also
/// `%D`, its DN, and `%{name}`, the first value of an attribute of it.
class Pattern {
public:
    enum class Gaps { user, entry };

    Pattern() = default;
    /// An error for a gap that is not known, or not closed.
    static Result<Pattern> parse(std::string_view text, Gaps gaps);

    /// What fills the gaps.
    struct Subject {
        std::string_view user {};
        std::string_view domain {};
        const Entry* entry = nullptr; ///< required where the pattern has gaps for it
        bool any_user = false; ///< `%u` becomes `*`: of a filter that shall find them all
    };
    /// No value when the entry lacks an attribute.
    std::optional<std::string> fill(const Subject& subject, Escape escape) const;

    bool empty() const { return pieces_.empty(); }
    bool has_user() const;
    /// Those that `%{name}` asks for.
    std::vector<std::string> attributes() const;

private:
    struct Piece {
        enum class Kind { text, user, domain, dn, attribute };
        Kind kind = Kind::text;
        std::string text {}; ///< of `text`; the name of an `attribute`
    };
    std::vector<Piece> pieces_;
};

/// Where an entry has the name of its user: `uid`, or `mail=%u@%d`.
class NameRule {
public:
    static Result<NameRule> parse(std::string_view text, std::string_view domain);

    const std::string& attribute() const { return attribute_; }
    /// What the attribute of this user's entry says.
    std::string value_of(std::string_view user) const
    {
        return before_ + std::string(user) + after_;
    }
    /// The prepared local part that a value stands for; none when it stands for nobody here.
    std::optional<std::string> user_of(std::string_view value) const;

private:
    std::string attribute_;
    std::string before_; // of the user's name in the value
    std::string after_;
};

}
