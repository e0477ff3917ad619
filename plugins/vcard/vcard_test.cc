#include "photo.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::vcard;

namespace {

std::string hash_of(const std::string& content)
{
    const auto card = parse_element("<vCard xmlns='vcard-temp'>" + content + "</vCard>");
    REQUIRE(card);
    return photo_hash(*card);
}

Stanza presence(const std::string& content)
{
    auto element = parse_element("<presence xmlns='jabber:client'>" + content + "</presence>");
    REQUIRE(element);
    return Stanza::parse(std::move(*element)).stanza;
}

std::string hash_in(const Stanza& stanza)
{
    return stanza.child("x", ns_update).child("photo").text();
}

}

TEST_CASE("the hash is that of the photo's bytes, however its lines are broken")
{
    // echo -n hello | sha1sum
    const std::string hash = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    CHECK(hash_of("<PHOTO><BINVAL>aGVsbG8=</BINVAL></PHOTO>") == hash);
    CHECK(hash_of("<PHOTO><BINVAL>\n  aGVs\r\n\tbG8=\n</BINVAL></PHOTO>") == hash);
}

TEST_CASE("no photo, or a broken one, has no hash")
{
    CHECK(hash_of("").empty());
    CHECK(hash_of("<PHOTO><BINVAL/></PHOTO>").empty());
    CHECK(hash_of("<PHOTO><BINVAL>***</BINVAL></PHOTO>").empty());
}

TEST_CASE("presence that says nothing of a photo gets the hash")
{
    Stanza stanza = presence("<show>away</show>");
    CHECK(add_photo_hash(stanza, "abc", Existing::stays));
    CHECK(hash_in(stanza) == "abc");
    stanza = presence("<x xmlns='vcard-temp:x:update'/>");
    CHECK(add_photo_hash(stanza, "abc", Existing::stays));
    CHECK(hash_in(stanza) == "abc");
}

TEST_CASE("what the client says stays until the card changes")
{
    Stanza stanza = presence("<x xmlns='vcard-temp:x:update'><photo>old</photo></x>");
    CHECK_FALSE(add_photo_hash(stanza, "new", Existing::stays));
    CHECK(hash_in(stanza) == "old");
    CHECK(add_photo_hash(stanza, "new", Existing::replaced));
    CHECK(hash_in(stanza) == "new");
    CHECK_FALSE(add_photo_hash(stanza, "new", Existing::replaced));
}
