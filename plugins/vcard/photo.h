// XEP-0153 §3.1: the hash of a vCard's photo.
#pragma once

#include <nuncio/xml.h>

#include <string>

namespace nuncio::vcard {

/// SHA-1 of the decoded image in lower-case hexadecimal; empty when there is none, or none that
/// can be decoded.
std::string photo_hash(ElementRef card);

}
