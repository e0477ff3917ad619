// XEP-0153 §3.1: the hash of a vCard's photo.
#include "photo.h"

#include <nuncio/crypto.h>

namespace nuncio::vcard {

std::string photo_hash(ElementRef card)
{
    std::string encoded = card.child("PHOTO").child("BINVAL").text();
    // RFC 2426 folds long lines; Base64 itself has no white space.
    std::erase_if(encoded, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    if (encoded.empty())
        return {};
    const auto image = from_base64(encoded);
    return image ? to_hex(digest(Hash::sha1, *image)) : std::string();
}

}
