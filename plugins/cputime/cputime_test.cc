// Requests and answers, in a server inside this program.
#include <nuncio/testkit.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("whoever asks is told the processor time")
{
    testkit::Server server({ .plugins = { "cputime" } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send("<iq type='get' id='1' to='localhost'><query xmlns='ejabberd:cputime'/></iq>");
    CHECK(romeo.receives("<iq type='result' id='1' from='localhost' to='romeo@localhost/orchard'>"
                         "<query xmlns='ejabberd:cputime'><cputime>{any}</cputime></query></iq>"));
}

TEST_CASE("nobody sets the processor time")
{
    testkit::Server server({ .plugins = { "cputime" } });
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send("<iq type='set' id='1' to='localhost'><query xmlns='ejabberd:cputime'/></iq>");
    CHECK(romeo.receives_some_of("<iq type='error' id='1'><error type='cancel'>"
                                 "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                                 "</error></iq>"));
}

TEST_CASE("without the plugin nobody knows")
{
    testkit::Server server({ .plugins = { "cputime" } });
    auto romeo = server.log_in("romeo@localhost/orchard");
    CHECK(server.unload("cputime"));
    romeo.send("<iq type='get' id='1' to='localhost'><query xmlns='ejabberd:cputime'/></iq>");
    CHECK(romeo.receives_some_of("<iq type='error' id='1'/>"));
    CHECK(server.load("cputime"));
    romeo.send("<iq type='get' id='2' to='localhost'><query xmlns='ejabberd:cputime'/></iq>");
    CHECK(romeo.receives_some_of("<iq type='result' id='2'/>"));
}
