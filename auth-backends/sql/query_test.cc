#include "query.h"
#include "utf16.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::sql;

namespace {

const std::vector<std::string_view> names { "user", "domain", "jid", "password" };

std::string sql_of(std::string_view text, Syntax syntax)
{
    const auto query = Query::parse(text, names, syntax);
    return query ? query->sql() : "error: " + query.error().text;
}

}

TEST_CASE("names become the placeholders of the database, in their order")
{
    constexpr auto text
        = "SELECT password FROM users WHERE name = :user AND host = :domain OR jid=:jid;\n";
    CHECK(sql_of(text, Syntax::postgresql)
        == "SELECT password FROM users WHERE name = $1 AND host = $2 OR jid=$3");
    CHECK(sql_of(text, Syntax::mariadb)
        == "SELECT password FROM users WHERE name = ? AND host = ? OR jid=?");
    const auto query = Query::parse(":user:domain :user", names, Syntax::odbc);
    REQUIRE(query);
    CHECK(query->sql() == "?? ?");
    const Values values { { "user", "ana" }, { "domain", "example.org" } };
    CHECK(query->bind(values)
        == std::vector<Parameter> {
            std::string("ana"), std::string("example.org"), std::string("ana") });
    CHECK(query->uses("user"));
    CHECK_FALSE(query->uses("jid"));
}

TEST_CASE("texts, quoted names, comments and casts have no parameters")
{
    const auto stays
        = [](std::string_view text, Syntax syntax) { return sql_of(text, syntax) == text; };
    for (const auto syntax : { Syntax::postgresql, Syntax::mariadb, Syntax::odbc }) {
        CAPTURE(static_cast<int>(syntax));
        CHECK(stays("SELECT ':user', 'it''s :user', \"a:user\" /* :user ? */ -- :user", syntax));
        CHECK(stays("SELECT a::text", syntax));
        CHECK(stays("SELECT '?;'", syntax));
    }
    CHECK(stays("SELECT $$ :user $$, $a$ $$ :user $a$", Syntax::postgresql));
    CHECK(stays("SELECT E'\\' :user', e'\\\\'", Syntax::postgresql));
    CHECK(stays("/* /* :user */ :user */ SELECT data ? 'key', a[1:2]", Syntax::postgresql));
    CHECK(stays("SELECT `:user`, '\\' :user', \"\\\" :user\" # :user", Syntax::mariadb));
    // Without that meaning of the backslash the text ends there, and the name counts.
    CHECK(sql_of("SELECT '\\' :user", Syntax::postgresql) == "SELECT '\\' $1");
    CHECK(sql_of("SELECT '\\' :user", Syntax::odbc) == "SELECT '\\' ?");
    // MariaDB: no comment without a space.
    CHECK(sql_of("SELECT 1--:user", Syntax::mariadb) == "SELECT 1--?");
}

TEST_CASE("an unknown name is told with the nearest one")
{
    CHECK(sql_of("SELECT :usr", Syntax::odbc)
        == "error: there is no parameter :usr here; did you mean :user?");
    CHECK(sql_of("SELECT :xxxxxxxx", Syntax::odbc)
        == "error: there is no parameter :xxxxxxxx here; there are :user, :domain, :jid and "
           ":password");
}

TEST_CASE("what cannot be one statement with named parameters is refused")
{
    for (const std::string_view text : { "", " ; \n", "SELECT ?", "SELECT 1; DELETE FROM users",
             "SELECT 'open", "SELECT /* open", "SELECT \"open" }) {
        CAPTURE(text);
        CHECK_FALSE(Query::parse(text, names, Syntax::mariadb));
        CHECK_FALSE(Query::parse(text, names, Syntax::odbc));
    }
    CHECK_FALSE(Query::parse("SELECT $1", names, Syntax::postgresql));
    CHECK_FALSE(Query::parse("SELECT $a$ open $b$", names, Syntax::postgresql));
    CHECK_FALSE(Query::parse("SELECT 1; SELECT 2", names, Syntax::postgresql));
}

TEST_CASE("UTF-16 and back")
{
    for (const std::string_view text : { "", "ana", "p\xC3\xA2\xC3\x9F w\xC3\xB6rd",
             "\xE2\x98\x83\xEF\xBF\xBD", "\xF0\x9F\x98\x80!" }) {
        CAPTURE(text);
        CHECK(to_utf8(to_utf16(text)) == text);
    }
    CHECK(to_utf16("\xF0\x9F\x98\x80") == u"\xD83D\xDE00");
    // Broken UTF-8: too long, a surrogate, beyond the end, cut off.
    CHECK(to_utf16("\xC0\x80") == u"\xFFFD\xFFFD");
    CHECK(to_utf16("\xED\xA0\x80") == u"\xFFFD\xFFFD\xFFFD");
    CHECK(to_utf16("\xF4\x90\x80\x80") == u"\xFFFD\xFFFD\xFFFD\xFFFD");
    CHECK(to_utf16("a\xE2\x98") == u"a\xFFFD\xFFFD");
    CHECK(to_utf8(u"\xD83D!") == "\xEF\xBF\xBD!");
    CHECK(to_utf8(u"\xDE00") == "\xEF\xBF\xBD");
}

TEST_CASE("what a database reports is a broken connection, a conflict, or the statement's fault")
{
    using enum Error::Kind;
    for (const auto* state : { "08006", "57P01", "53300", "40001", "HYT00", "HYT01" })
        CHECK(kind_of(state) == unavailable);
    CHECK(kind_of("23505") == conflict);
    CHECK(kind_of("42P01") == internal);
    CHECK(kind_of("") == internal);
}
