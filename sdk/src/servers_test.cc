#include <nuncio/servers.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace std::chrono_literals;

using Order = std::vector<std::size_t>;

TEST_CASE("a server that failed is tried last until it has rested")
{
    Servers servers({ "ldap://a", "ldap://b", "ldap://c" }, 30s);
    const Servers::Time start {};
    CHECK(servers.order(start) == Order { 0, 1, 2 });
    CHECK(servers.failed(0, start, "down"));
    CHECK(servers.order(start) == Order { 1, 2, 0 });
    CHECK(servers.order(start + 30s - 1ns) == Order { 1, 2, 0 });
    CHECK(servers.order(start + 30s) == Order { 0, 1, 2 });
    CHECK_FALSE(servers.failed(0, start + 30s, "still down")); // no news
    CHECK(servers.order(start + 59s) == Order { 1, 2, 0 });
}

TEST_CASE("when all have failed, all are tried")
{
    Servers servers({ "ldap://a", "ldap://b" }, 30s);
    servers.failed(1, {}, "down");
    servers.failed(0, {}, "down");
    CHECK(servers.order({}) == Order { 0, 1 });
}

TEST_CASE("a server that works again is news, and the first again")
{
    Servers servers({ "ldap://a", "ldap://b" }, 30s);
    CHECK_FALSE(servers.worked(0));
    servers.failed(0, {}, "down");
    CHECK(servers.worked(0));
    CHECK_FALSE(servers.worked(0));
    CHECK(servers.order({}) == Order { 0, 1 });
}

TEST_CASE("health names each server, how it is, and its last error")
{
    Servers servers({ "ldap://a", "ldap://b", "ldap://c" }, 30s);
    servers.failed(0, {}, "connection refused");
    servers.worked(1);
    servers.count(1, 2);
    servers.count(1, -1);
    const Value health = servers.health();
    const auto& rows = health.as_array();
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].find("server")->as_string() == "ldap://a");
    CHECK(rows[0].find("state")->as_string() == "failing");
    CHECK(rows[0].find("last_error")->as_string() == "connection refused");
    CHECK(rows[1].find("state")->as_string() == "ok");
    CHECK(rows[1].find("connections")->as_integer() == 1);
    CHECK_FALSE(rows[1].find("last_error"));
    CHECK(rows[2].find("state")->as_string() == "not tried");
}
