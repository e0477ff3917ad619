#include "photo.h"

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("the hash of a photo is that of its decoded bytes, however the lines are folded")
{
    const auto card = parse_element("<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE>"
                                    "<BINVAL>YW\n Jj</BINVAL></PHOTO></vCard>");
    REQUIRE(card);
    CHECK(vcard::photo_hash(*card) == "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST_CASE("a card without a photo, or with one that is no Base64, has no hash")
{
    CHECK(vcard::photo_hash(*parse_element("<vCard xmlns='vcard-temp'/>")).empty());
    CHECK(vcard::photo_hash(
        *parse_element("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>*</BINVAL></PHOTO></vCard>"))
              .empty());
}
