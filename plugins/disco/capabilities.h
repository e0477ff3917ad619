// XEP-0115: Entity Capabilities: one hash for all that a directory says.
#pragma once

#include <nuncio/disco.h>

#include <string>

namespace nuncio::disco {

inline constexpr std::string_view ns_caps = "http://jabber.org/protocol/caps";

/// XEP-0115 §5.1: the verification string, SHA-1 in Base64.
std::string verification(const Directory& directory);

/// XEP-0128: a form whose FORM_TYPE is `type`, of type result; fields are added to it.
Element result_form(std::string_view type);
void add_field(Element& form, std::string_view name, const std::vector<std::string>& values);

}
