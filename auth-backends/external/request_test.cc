#include "request.h"

#include <nuncio/port_protocol.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::external;

TEST_CASE("each operation is spelled as scripts in the field expect it")
{
    CHECK(*make_request(Operation::auth, "juliet", "capulet.lit", "pencil")
        == "auth:juliet:capulet.lit:pencil");
    CHECK(*make_request(Operation::isuser, "juliet", "capulet.lit") == "isuser:juliet:capulet.lit");
    CHECK(*make_request(Operation::setpass, "juliet", "capulet.lit", "new")
        == "setpass:juliet:capulet.lit:new");
    CHECK(*make_request(Operation::tryregister, "juliet", "capulet.lit", "first")
        == "tryregister:juliet:capulet.lit:first");
    CHECK(*make_request(Operation::removeuser, "juliet", "capulet.lit")
        == "removeuser:juliet:capulet.lit");
    for (const std::string& name : operation_names())
        CHECK(to_text(*operation_of(name)) == name);
    CHECK_FALSE(operation_of("certauth"));
}

TEST_CASE("a password is sent as it is: with colons, line feeds, and anything but ASCII")
{
    CHECK(*make_request(Operation::auth, "u", "h", ":a:b::") == "auth:u:h::a:b::");
    CHECK(*make_request(Operation::auth, "u", "h", "\n\xC3\xA9 ") == "auth:u:h:\n\xC3\xA9 ");
    CHECK(*make_request(Operation::auth, "u", "h", "") == "auth:u:h:");
}

TEST_CASE("a colon in the user or the server is refused, not passed on as a field's end")
{
    for (const auto operation : { Operation::auth, Operation::isuser, Operation::removeuser }) {
        const auto user = make_request(operation, "juliet:capulet.lit", "h", "p");
        REQUIRE_FALSE(user);
        CHECK(user.error().kind == Error::Kind::refused);
        CHECK_FALSE(make_request(operation, "juliet", "[::1]", "p"));
    }
}

TEST_CASE("the longest request fits into a packet, and one byte more is refused")
{
    const std::string head = "auth:u:h:";
    const std::string longest(port_packet_bytes - head.size(), 'x');
    const auto fits = make_port_packet(*make_request(Operation::auth, "u", "h", longest));
    REQUIRE(fits);
    CHECK(fits->size() == 2 + port_packet_bytes);
    CHECK(fits->substr(0, 2) == "\xFF\xFF");
    const auto too_long = make_port_packet(*make_request(Operation::auth, "u", "h", longest + "x"));
    REQUIRE_FALSE(too_long);
    CHECK(too_long.error().kind == Error::Kind::limit);
}
