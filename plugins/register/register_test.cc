#include "form.h"
#include "rate_limit.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::registration;

namespace {

Wish read(const std::string& content)
{
    const auto query = parse_element("<query xmlns='jabber:iq:register'>" + content + "</query>");
    REQUIRE(query);
    return read_wish(*query);
}

}

TEST_CASE("the form asks for user name and password, in both ways")
{
    const Element form = blank_form("Choose.");
    CHECK(form.child("username"));
    CHECK(form.child("password"));
    int fields = 0;
    for (ElementRef child : form.child("x", "jabber:x:data"))
        fields += child.name() == "field";
    CHECK(fields == 3);
}

TEST_CASE("fields and data forms are understood")
{
    auto wish = read("<username>alice</username><password>a&amp;b</password>");
    CHECK(wish.username == "alice");
    CHECK(wish.password == "a&b");
    CHECK_FALSE(wish.removes);
    wish = read("<x xmlns='jabber:x:data' type='submit'><field var='username'><value>bob</value>"
                "</field><field var='password'><value>c</value></field></x>");
    CHECK(wish.username == "bob");
    CHECK(wish.password == "c");
    CHECK(read("<remove/>").removes);
    CHECK(read("").username.empty());
}

TEST_CASE("a burst is admitted, then one for each interval")
{
    RateLimit limit(3, 10min);
    TimePoint now { 1h };
    for (int i = 0; i < 3; ++i)
        CHECK(limit.admit("192.0.2.1", now));
    CHECK_FALSE(limit.admit("192.0.2.1", now));
    CHECK(limit.admit("192.0.2.2", now));
    now += 9min;
    CHECK_FALSE(limit.admit("192.0.2.1", now));
    now += 1min;
    CHECK(limit.admit("192.0.2.1", now));
    CHECK_FALSE(limit.admit("192.0.2.1", now));
    now += 24h;
    for (int i = 0; i < 3; ++i)
        CHECK(limit.admit("192.0.2.1", now));
    CHECK_FALSE(limit.admit("192.0.2.1", now));
}

TEST_CASE("a flood of networks is bounded, and strangers come in again when it is over")
{
    RateLimit limit(1, 1min);
    const TimePoint now { 1h };
    int admitted = 0;
    for (int i = 0; i < 20000; ++i)
        admitted += limit.admit("10." + std::to_string(i / 250 / 250) + "."
                + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250),
            now);
    CHECK(admitted == 16384);
    CHECK(limit.admit("192.0.2.1", now + 2min));
}
