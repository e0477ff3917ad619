// XEP-0077: what a client is asked for, and what it answers.
#pragma once

#include <nuncio/stanza.h>

#include <string>
#include <string_view>

namespace nuncio::registration {

inline constexpr std::string_view ns_register = "jabber:iq:register";

/// The question: the fields of old, and the same as a data form.
Element blank_form(std::string_view instructions);

/// What a set asks for.
struct Wish {
    bool removes = false;
    std::string username {};
    std::string password {};
};
/// Reads the data form when there is one, else the fields of old.
Wish read_wish(ElementRef query);

}
