// The echo, heard in a server inside this program.
#include <nuncio/testkit.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("what is said comes back from where it was said to")
{
    testkit::Server server({ .plugins = { "echo" } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    auto juliet = server.log_in("juliet@localhost/balcony");
    romeo.send("<message to='cave@echo.localhost/x' type='chat'><body>who?</body></message>");
    CHECK(romeo.receives("<message from='cave@echo.localhost/x' to='romeo@localhost/orchard' "
                         "type='chat'><body>who?</body></message>"));
    CHECK(juliet.hears_nothing());
}

TEST_CASE("an error is never echoed")
{
    testkit::Server server({ .plugins = { "echo" } });
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send("<message to='echo.localhost' type='error'><body>no</body></message>");
    CHECK(romeo.hears_nothing());
}

TEST_CASE("its domain is an option")
{
    testkit::Server server(
        { .plugins = { "echo" }, .options = { { "echo", "host = 'cave.example'" } } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send("<message to='cave.example'><body>who?</body></message>");
    CHECK(romeo.receives_some_of("<message from='cave.example'><body>who?</body></message>"));
}

TEST_CASE("nothing is lost while it is replaced")
{
    testkit::Server server({ .plugins = { "echo" } });
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send_without_waiting("<message to='echo.localhost'><body>before</body></message>");
    CHECK(server.reload("echo"));
    romeo.send("<message to='echo.localhost'><body>after</body></message>");
    CHECK(romeo.receives_some_of("<message><body>before</body></message>"
                                 "<message><body>after</body></message>"));
    CHECK(romeo.hears_nothing());
}
