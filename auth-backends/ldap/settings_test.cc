#include "settings.h"

#include <doctest/doctest.h>
#include <map>

using namespace nuncio;
using namespace nuncio::ldap;

namespace {

/// The option that is wrong, or nothing.
std::string wrong_option(Settings settings)
{
    Mistake mistake;
    const auto rules = make_rules(std::move(settings), "example.org", mistake);
    return rules ? std::string() : mistake.option;
}

std::size_t mistakes(const char* option, Value value)
{
    Value table;
    table[option] = std::move(value);
    return make_schema().check(table, "plugins.ldap").size();
}

}

TEST_CASE("the defaults fit together")
{
    CHECK(wrong_option({}).empty());
}

TEST_CASE("every number is taken up to its bound and not beyond")
{
    // Durations are checked in seconds, sizes in bytes.
    const std::map<std::string, std::pair<double, double>> steps { { "timeout", { 0.1, 60 } },
        { "login_timeout", { 0.2, 300 } }, { "list_timeout", { 1, 3600 } },
        { "response_bytes", { 65536, 268435456 } }, { "lookup_bytes", { 1024, 67108864 } },
        { "list_limit", { 1, 10000000 } }, { "page_size", { 1, 10000 } },
        { "connections", { 1, 64 } }, { "queue", { 1, 100000 } },
        { "connection_lifetime", { 1, 86400 } }, { "server_rest", { 0, 3600 } },
        { "failures", { 1, 1000 } }, { "rest", { 0.1, 600 } }, { "longest_rest", { 0.1, 3600 } } };
    std::size_t checked = 0;
    const Schema schema = make_schema();
    for (const auto& option : schema.options()) {
        const bool is_number = option.type == Schema::Type::integer
            || option.type == Schema::Type::duration || option.type == Schema::Type::size;
        if (!is_number)
            continue;
        CAPTURE(option.name);
        REQUIRE(steps.contains(option.name));
        const auto bounds = steps.at(option.name);
        const auto value = [&](double number) {
            return option.type == Schema::Type::duration
                ? Value(std::to_string(std::int64_t(number * 1000)) + "ms")
                : Value(std::int64_t(number));
        };
        const double step = option.type == Schema::Type::duration ? 0.001 : 1;
        CHECK(mistakes(option.name.c_str(), value(bounds.first)) == 0);
        CHECK(mistakes(option.name.c_str(), value(bounds.second)) == 0);
        CHECK(mistakes(option.name.c_str(), value(bounds.first - step)) == 1);
        CHECK(mistakes(option.name.c_str(), value(bounds.second + step)) == 1);
        ++checked;
    }
    CHECK(checked == steps.size());
}

TEST_CASE("the password is a secret")
{
    const Schema schema = make_schema();
    REQUIRE(schema.find("bind_password"));
    CHECK(schema.find("bind_password")->secret);
}

TEST_CASE("a server is named by a URL with a host and nothing else")
{
    for (const char* url : { "ldap://a.example", "ldaps://a.example:1636", "ldapi://%2Frun%2Fldapi",
             "ldap://[::1]:1389", "ldap://127.0.0.1" })
        CHECK(parse_server_url(url));
    for (const char* url :
        { "", "a.example", "http://a.example", "ldap://", "ldap://a.example/dc=x",
            "ldap://a.example/??sub", "cldap://a.example", "ldap://a.example:99999" }) {
        CAPTURE(url);
        CHECK_FALSE(parse_server_url(url));
    }
    // TLS is put on an ordinary connection.
    CHECK(parse_server_url("ldaps://a.example")->connect == "ldap://a.example:636");
    CHECK(parse_server_url("ldaps://[::1]:1636")->connect == "ldap://[::1]:1636");
}

TEST_CASE("what does not fit together is told with the option to mend")
{
    CHECK(wrong_option({ .servers = {} }) == "servers");
    CHECK(wrong_option({ .servers = std::vector<std::string>(16, "ldap://a") }).empty());
    CHECK(wrong_option({ .servers = std::vector<std::string>(17, "ldap://a") }) == "servers");
    CHECK(wrong_option({ .servers = { "ldap://a", "ftp://b" } }) == "servers");
    CHECK(wrong_option({ .tls_certificate = "x" }) == "tls_certificate");
    CHECK(wrong_option({ .tls_key = "x" }) == "tls_key");
    CHECK(wrong_option({ .bind_dn = "cn=a" }) == "bind_dn");
    CHECK(wrong_option({ .bind_password = "x" }) == "bind_password");
    CHECK(wrong_option({ .base = "example.org" }) == "base");
    CHECK(wrong_option({ .user_attributes = {} }) == "user_attributes");
    CHECK(wrong_option({ .user_attributes = std::vector<std::string>(16, "uid") }).empty());
    CHECK(wrong_option({ .user_attributes = std::vector<std::string>(17, "uid") })
        == "user_attributes");
    CHECK(wrong_option({ .user_attributes = { "mail=%d" } }) == "user_attributes");
    CHECK(wrong_option({ .filter = "objectClass=person" }) == "filter");
    CHECK(wrong_option({ .filter = "(member=%D)" }) == "filter");
    CHECK(wrong_option({ .filter = "(&(objectClass=person)(mail=%u@%d))" }).empty());
    CHECK(wrong_option({ .dn_filter = "(member=%D" }) == "dn_filter");
    CHECK(wrong_option({ .dn_filter = "(&(member=%D)(cn=%{ou}))" }).empty());
    CHECK(wrong_option({ .dn_filter_base = "x" }) == "dn_filter_base");
    CHECK(wrong_option({ .user_dn = "uid=ana,dc=x" }) == "user_dn");
    CHECK(wrong_option({ .user_dn = "DOMAIN\\%u" }) == "user_dn");
    CHECK(wrong_option({ .user_dn = "uid=%u,dc=x" }).empty());
    CHECK(wrong_option({ .user_dn = "%u@%d" }).empty());
    CHECK(wrong_option({ .decoy_dn = "nobody" }) == "decoy_dn");
    CHECK(wrong_option({ .timeout = 5s, .login_timeout = 5s }) == "login_timeout");
    CHECK(wrong_option({ .timeout = 5s, .login_timeout = 6s }).empty());
    CHECK(wrong_option({ .rest = 20s }) == "longest_rest");
    CHECK(mistakes("scope", "tree") == 1);
    CHECK(mistakes("tls", "maybe") == 1);
    CHECK(mistakes("tls_reqcert", "allow") == 1);
}

TEST_CASE("a pattern for binding is a DN, or a name at a domain")
{
    Mistake mistake;
    auto dn = make_rules({ .user_dn = "uid=%u,ou=people,dc=x" }, "example.org", mistake);
    REQUIRE(dn);
    CHECK(dn->user_dn_is_dn);
    auto name = make_rules({ .user_dn = "%u@%d" }, "example.org", mistake);
    REQUIRE(name);
    CHECK_FALSE(name->user_dn_is_dn);
}

TEST_CASE("nobody's password is tried below the base, unless the administrator names an entry")
{
    Mistake mistake;
    CHECK(make_rules({ .base = "dc=x" }, "d", mistake)->decoy_dn == "cn=nobody,dc=x");
    CHECK(make_rules({}, "d", mistake)->decoy_dn == "cn=nobody");
    CHECK(make_rules({ .decoy_dn = "uid=decoy,dc=x" }, "d", mistake)->decoy_dn == "uid=decoy,dc=x");
}
