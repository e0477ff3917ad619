#include "request.h"

#include <doctest/doctest.h>
#include <string>

using namespace nuncio::pam;

TEST_CASE("the password is all behind the third colon")
{
    const auto request = parse_request("auth:juliet:capulet.lit:r0m30:my:");
    REQUIRE(request);
    CHECK(request->kind == Request::Kind::auth);
    CHECK(request->user == "juliet");
    CHECK(request->password == "r0m30:my:");
}

TEST_CASE("asking for a user names no password")
{
    const auto request = parse_request("isuser:juliet@capulet.lit:capulet.lit");
    REQUIRE(request);
    CHECK(request->kind == Request::Kind::isuser);
    CHECK(request->user == "juliet@capulet.lit");
    CHECK_FALSE(parse_request("isuser:juliet:capulet.lit:"));
    CHECK_FALSE(parse_request("isuser:juliet:capulet.lit:secret"));
}

TEST_CASE("what PAM must not see is no request")
{
    for (const std::string_view text : { "", "auth", "auth:", "auth:juliet", "auth:juliet:",
             "auth:juliet:capulet.lit", "auth:juliet:capulet.lit:", "auth::capulet.lit:secret",
             "auth:juliet::secret", "isuser:juliet", "isuser::capulet.lit", "AUTH:juliet:c:secret",
             "setpass:juliet:c:secret", "auth:-juliet:c:secret", "auth:../juliet:c:secret",
             "auth:jul iet:c:secret", "auth:jul\niet:c:secret", "auth:jul\x7Fiet:c:secret" }) {
        CAPTURE(text);
        CHECK_FALSE(parse_request(text));
    }
}

TEST_CASE("nothing is cut off at a NUL, which would be another user or another password")
{
    using namespace std::string_view_literals;
    CHECK_FALSE(parse_request("auth:juliet:c:secret\0junk"sv));
    CHECK_FALSE(parse_request("auth:juliet\0junk:c:secret"sv));
}

TEST_CASE("the longest password and user are asked about, and one byte more is not")
{
    const std::string password(most_password_bytes, 'x');
    const std::string user(most_user_bytes, 'u');
    CHECK(parse_request("auth:juliet:c:" + password));
    CHECK_FALSE(parse_request("auth:juliet:c:" + password + "x"));
    CHECK(parse_request("isuser:" + user + ":c"));
    CHECK_FALSE(parse_request("isuser:" + user + "u:c"));
}

TEST_CASE("a service is the name of a file, and with raised rights one of nuncio's")
{
    CHECK(is_service_name("nuncio"));
    CHECK(is_service_name(std::string(64, 's')));
    for (const std::string_view name : { "", "../shadow", "a/b", ".", "..", "a b", "a\n" })
        CHECK_FALSE(is_service_name(name));
    CHECK_FALSE(is_service_name(std::string(65, 's')));
    for (const std::string_view name : { "nuncio", "xmpp", "nuncio-staff", "xmpp-test" })
        CHECK(is_own_service(name));
    for (const std::string_view name : { "su", "login", "sshd", "nunciox", "other" })
        CHECK_FALSE(is_own_service(name));
}
