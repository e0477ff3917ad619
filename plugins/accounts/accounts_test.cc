// The policy of accounts in a server inside this program.
#include <nuncio/testkit.h>

#include <doctest/doctest.h>
#include <stdexcept>

using namespace nuncio;

namespace {

Value about(std::string_view jid)
{
    Value arguments;
    arguments["jid"] = jid;
    return arguments;
}

}

TEST_CASE("a disabled account loses its sessions, and lets nobody in until it is enabled")
{
    testkit::Server server({ .plugins = { "accounts" } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    auto juliet = server.log_in("juliet@localhost/balcony");
    juliet.forget_heard();

    Value arguments = about("romeo@localhost");
    arguments["reason"] = "a feud";
    const auto disabled = server.command("disable", arguments);
    REQUIRE(disabled);
    CHECK(disabled->find("sessions_ended")->as_integer() == 1);
    CHECK(romeo.is_disconnected());
    CHECK_FALSE(juliet.is_disconnected());
    CHECK_THROWS_AS((void)server.log_in("romeo@localhost/orchard"), std::runtime_error);

    Value host;
    host["host"] = "localhost";
    const auto accounts = server.command("accounts", host);
    REQUIRE(accounts);
    const auto& rows = accounts->as_array();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].find("state")->as_string() == "enabled");
    CHECK(rows[1].find("state")->as_string() == "disabled");
    CHECK(rows[1].find("reason")->as_string() == "a feud");

    REQUIRE(server.reload("accounts"));
    CHECK_THROWS_AS((void)server.log_in("romeo@localhost/orchard"), std::runtime_error);
    REQUIRE(server.command("enable", about("romeo@localhost")));
    CHECK_FALSE(server.command("enable", about("romeo@localhost")));
    auto again = server.log_in("romeo@localhost/orchard");
    CHECK_FALSE(again.is_disconnected());
}

TEST_CASE("who is made anew after a removal is not disabled")
{
    testkit::Server server({ .plugins = { "accounts" } });
    REQUIRE(server.create_account("romeo@localhost"));
    REQUIRE(server.command("disable", about("romeo@localhost")));
    REQUIRE(server.command("unregister", about("romeo@localhost")));
    auto romeo = server.log_in("romeo@localhost/orchard");
    CHECK_FALSE(romeo.is_disconnected());
}

TEST_CASE("the last login is known")
{
    testkit::Server server({ .plugins = { "accounts" } });
    REQUIRE(server.create_account("juliet@localhost"));
    const auto never = server.command("last-login", about("juliet@localhost"));
    REQUIRE_FALSE(never);
    CHECK(never.error().kind == Error::Kind::not_found);
    auto juliet = server.log_in("juliet@localhost/balcony");
    server.advance(2s);
    const auto last = server.command("last-login", about("juliet@localhost"));
    REQUIRE(last);
    CHECK(last->find("when")->as_string().starts_with("20"));
    CHECK_FALSE(last->find("mechanism")->as_string().empty());
    CHECK_FALSE(server.command("last-login", about("nobody@localhost")));
}

TEST_CASE("the rules for passwords hold on every way to one")
{
    testkit::Server server({ .plugins = { "accounts", "register" } });
    Value wish = about("romeo@localhost");
    wish["password"] = "1234567";
    const auto refused = server.command("register", wish);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text == "the password needs at least 8 characters");
    wish["password"] = "12345678";
    REQUIRE(server.command("register", wish));
    wish["password"] = "the romeo of them all";
    CHECK_FALSE(server.command("change-password", wish));

    auto juliet = server.log_in("juliet@localhost/balcony");
    juliet.forget_heard();
    juliet.send("<iq type='set' id='p' to='localhost'><query xmlns='jabber:iq:register'>"
                "<username>juliet</username><password>short</password></query></iq>");
    CHECK(juliet.receives_some_of("<iq type='error' id='p'><error type='modify'/></iq>"));
}
