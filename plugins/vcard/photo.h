// XEP-0153: the hash of a card's photo, and its place in presence.
#pragma once

#include <nuncio/stanza.h>

#include <string>

namespace nuncio::vcard {

inline constexpr std::string_view ns_vcard = "vcard-temp";
inline constexpr std::string_view ns_update = "vcard-temp:x:update";

/// SHA-1 of the photo in hexadecimal; empty when there is none, or none that can be decoded.
std::string photo_hash(ElementRef card);

/// Puts `hash` into presence that says nothing of a photo itself. True when something changed.
/// `replaces`: also where another hash stands.
enum class Existing { stays, replaced };
bool add_photo_hash(Stanza& presence, const std::string& hash, Existing existing);

}
