#include "photo.h"

#include <nuncio/crypto.h>

namespace nuncio::vcard {

std::string photo_hash(ElementRef card)
{
    std::string text = card.child("PHOTO").child("BINVAL").text();
    // Clients break the lines of Base64 as MIME does.
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    const auto bytes = from_base64(text);
    if (!bytes || bytes->empty())
        return {};
    return to_hex(digest(Hash::sha1, *bytes));
}

bool add_photo_hash(Stanza& presence, const std::string& hash, Existing existing)
{
    Element& element = presence.element();
    ElementRef update = element.child("x", ns_update);
    if (update) {
        const ElementRef photo = update.child("photo");
        // §4.3: an empty <x/> says "not ready yet"; a client that knows its photo names it.
        if (existing == Existing::stays && photo)
            return false;
        if (photo && photo.text() == hash)
            return false;
        element.remove_child(update);
    }
    element.add("x", ns_update).add("photo").text(hash);
    return true;
}

}
