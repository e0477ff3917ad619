// XEP-0004: the forms that ask for a command's arguments, and what comes back in them.
#pragma once

#include <nuncio/result.h>
#include <nuncio/xml.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::adhoc {

inline constexpr std::string_view ns_data = "jabber:x:data";

/// One question of a form.
struct Field {
    std::string var;
    std::string type; ///< of XEP-0004 §3.3: "text-single", "jid-multi"
    std::string label {};
    bool is_required = false;
    std::vector<std::string> values {}; ///< what it is filled with
    struct Option {
        std::string label;
        std::string value;
    };
    std::vector<Option> options {}; ///< of list-single

    bool takes_many() const { return type.ends_with("-multi"); }
};

/// A form to be filled. `form_type` (XEP-0068) may be empty: none.
struct Questions {
    std::string title;
    std::string instructions {};
    std::string form_type {};
    std::vector<Field> fields {};
};
Element blank_form(const Questions& questions);

/// What was filled in, by `var`; a field without a value is not there, one with an empty value is.
using Filled = std::map<std::string, std::vector<std::string>, std::less<>>;

/// Reads `<x type='submit'/>`. An error says which field is wrong, and never what stood in it.
/// Fields that were not asked for do not count (XEP-0133's forms have some that are not kept here).
/// `most` bounds the values of one field.
Result<Filled> read_form(ElementRef form, const Questions& questions, std::size_t most);

/// As it may stand in a stanza: what XML cannot hold (XML 1.0 §2.2), and what is no UTF-8, becomes
/// U+FFFD, and what is longer than `most` bytes ends in an ellipsis.
std::string printable(std::string_view text, std::size_t most = std::string_view::npos);

}
