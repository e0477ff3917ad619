#include "pattern.h"
#include "settings.h"

#include <doctest/doctest.h>
#include <ldap.h>

using namespace nuncio;
using namespace nuncio::ldap;

namespace {

std::string fill_filter(std::string_view pattern, std::string_view user)
{
    const auto parsed = Pattern::parse(pattern, Pattern::Gaps::user);
    REQUIRE(parsed);
    return *parsed->fill({ .user = user, .domain = "example.org" }, Escape::filter);
}

/// What a reader of DNs takes the value of `uid=VALUE` for.
std::string read_back(const std::string& dn)
{
    LDAPDN parsed = nullptr;
    REQUIRE(::ldap_str2dn(dn.c_str(), &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS);
    REQUIRE(parsed[0] != nullptr);
    CHECK(parsed[1] == nullptr);
    CHECK(parsed[0][1] == nullptr);
    std::string value(parsed[0][0]->la_value.bv_val, parsed[0][0]->la_value.bv_len);
    ::ldap_dnfree(parsed);
    return value;
}

}

TEST_CASE("what is special in a filter is escaped, and nothing else (RFC 4515 §3 and §4)")
{
    CHECK(escape_filter_value("ana") == "ana");
    CHECK(escape_filter_value("*)(uid=*") == "\\2a\\29\\28uid=\\2a");
    CHECK(escape_filter_value("C:\\MyFile") == "C:\\5cMyFile");
    CHECK(escape_filter_value(std::string_view("\0\0\0\4", 4)) == std::string("\\00\\00\\00\4"));
    CHECK(escape_filter_value("Lučić") == "Lučić");
    CHECK(escape_filter_value(" a b ") == "\\20a b\\20");
    CHECK(escape_filter_value("").empty());
}

TEST_CASE("what is special in a DN is escaped, so that a reader finds the value again (RFC 4514)")
{
    CHECK(escape_dn_value("ana") == "ana");
    for (const std::string& value :
        { std::string("a,b"), std::string("a+uid=b"), std::string("#1"), std::string(" a "),
            std::string("\"q\";<x>\\"), std::string("straße"), std::string("a=b"),
            std::string("x,ou=admins"), std::string("two  blanks"), std::string(" ") }) {
        CAPTURE(value);
        CHECK(read_back("uid=" + escape_dn_value(value)) == value);
    }
    CHECK(escape_dn_value(std::string_view("a\0b", 3)) == "a\\00b");
}

TEST_CASE("a pattern's gaps are filled with escaped values")
{
    CHECK(fill_filter("(uid=%u)", "ana") == "(uid=ana)");
    CHECK(fill_filter("(mail=%u@%d)", "ana") == "(mail=ana@example.org)");
    CHECK(fill_filter("(cn=100%%)", "ana") == "(cn=100%)");
    CHECK(fill_filter("(uid=%u)", "*)(uid=*") == "(uid=\\2a\\29\\28uid=\\2a)");
    // What was filled in is not looked at for gaps again.
    CHECK(fill_filter("(uid=%u)", "%d") == "(uid=%d)");
}

TEST_CASE("a pattern about an entry names its DN and its attributes")
{
    const auto pattern
        = Pattern::parse("(&(member=%D)(cn=%{departmentNumber})(x=%u))", Pattern::Gaps::entry);
    REQUIRE(pattern);
    CHECK(pattern->attributes() == std::vector<std::string> { "departmentNumber" });
    Entry entry { .dn = "cn=A (B)*,dc=x", .attributes = { { "DepartmentNumber", { "7*", "8" } } } };
    CHECK(pattern->fill({ .user = "ana", .domain = "d", .entry = &entry }, Escape::filter)
        == "(&(member=cn=A \\28B\\29\\2a,dc=x)(cn=7\\2a)(x=ana))");
    entry.attributes.clear();
    CHECK_FALSE(pattern->fill({ .user = "ana", .domain = "d", .entry = &entry }, Escape::filter));
}

TEST_CASE("gaps that are not known, or not closed, are errors")
{
    for (const char* text : { "%", "%x", "(uid=%s)", "%D", "%{cn}", "(uid=%u)%" })
        CHECK_FALSE(Pattern::parse(text, Pattern::Gaps::user));
    for (const char* text : { "%{", "%{}", "%{a b}", "%{cn", "%{cn)}" })
        CHECK_FALSE(Pattern::parse(text, Pattern::Gaps::entry));
}

TEST_CASE("for a list the user's gap is a star")
{
    const auto pattern = Pattern::parse("(mail=%u@%d)", Pattern::Gaps::user);
    REQUIRE(pattern);
    CHECK(pattern->fill({ .domain = "e*.org", .any_user = true }, Escape::filter)
        == "(mail=*@e\\2a.org)");
}

TEST_CASE("a rule finds the user's name in a value and makes one of it")
{
    const auto uid = NameRule::parse("uid", "example.org");
    REQUIRE(uid);
    CHECK(uid->value_of("ana") == "ana");
    CHECK(uid->user_of("Ana") == "ana");
    CHECK_FALSE(uid->user_of("two words"));
    CHECK_FALSE(uid->user_of("ana@example.org"));
    CHECK_FALSE(uid->user_of(""));

    const auto mail = NameRule::parse("mail=%u@%d", "example.org");
    REQUIRE(mail);
    CHECK(mail->attribute() == "mail");
    CHECK(mail->value_of("ana") == "ana@example.org");
    CHECK(mail->user_of("Ana@Example.org") == "ana");
    CHECK_FALSE(mail->user_of("ana@example.net"));
    CHECK_FALSE(mail->user_of("@example.org"));
    const auto both = NameRule::parse("cn=x-%u-y", "example.org");
    REQUIRE(both);
    CHECK(both->user_of("x-a-y") == "a");
    CHECK_FALSE(both->user_of("x-y"));

    for (const char* text : { "", "=%u", "mail=", "mail=fixed", "mail=%u%u", "a b", "mail=%u%x" })
        CHECK_FALSE(NameRule::parse(text, "example.org"));
}

TEST_CASE("libldap says what a filter and a DN is")
{
    CHECK(is_filter("(uid=ana)"));
    CHECK(is_filter("(&(objectClass=person)(!(cn=x*y)))"));
    CHECK(is_filter("(memberOf:1.2.840.113556.1.4.1941:=cn=chat,dc=x)"));
    for (const char* text :
        { "", "uid=ana", "(uid=ana", "(&(a=b)", "()", "(uid=\\zz)", "(a=b)(c=d)" }) {
        CAPTURE(text);
        CHECK_FALSE(is_filter(text));
    }
    CHECK(is_dn(""));
    CHECK(is_dn("uid=a,dc=example,dc=org"));
    CHECK_FALSE(is_dn("example.org"));
    CHECK_FALSE(is_dn("uid=a,,dc=x"));
}
