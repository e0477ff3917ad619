#include "c2s_fixture.h"
#include "virtual_host.h"

#include <nuncio/host.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

namespace {

std::string bind_to(std::string_view resource)
{
    return "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>"
        + std::string(resource) + "</resource></bind></iq>";
}

void authenticated(Client& client, std::string_view user)
{
    client.say(client_header);
    client.authenticate(user);
    client.say(client_header);
}

}

TEST_CASE("a resource is bound as wished, prepared, or made up")
{
    House house;
    Client wished(house), made_up(house), empty(house);
    CHECK(wished.log_in("juliet", "balcony") == "juliet@capulet.lit/balcony");
    authenticated(made_up, "juliet");
    const auto answer = made_up.say(
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    CHECK(answer.starts_with("<iq type='result' id='b'><bind "
                             "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.lit/"));
    CHECK(empty.log_in("juliet", "").size() > std::string("juliet@capulet.lit/").size() + 20);
}

TEST_CASE("requests to bind that cannot be are refused, and may be repeated")
{
    Limits limits;
    limits.resource_bytes = 100;
    limits.sessions_per_account = 2;
    House house({ .limits = limits });
    Client client(house);
    authenticated(client, "juliet");
    CHECK(has(client.say(bind_to(std::string(101, 'x'))), "<bad-request "));
    CHECK(has(client.say(bind_to("\xe2\x80\xa8")), "<bad-request ")); // a line separator
    CHECK(has(
        client.say("<iq type='get' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
        "<bad-request "));
    CHECK_FALSE(has(client.say(bind_to(std::string(100, 'x'))), "error"));

    Client second(house), third(house);
    CHECK(second.log_in("juliet", "2") == "juliet@capulet.lit/2");
    authenticated(third, "juliet");
    const auto refusal = third.say(bind_to("3"));
    CHECK(has(refusal, "<resource-constraint "));
    CHECK_FALSE(has(refusal, "<jid>"));
    second.say("</stream:stream>");
    CHECK(has(third.say(bind_to("3")), "<jid>juliet@capulet.lit/3</jid>"));
}

TEST_CASE("a newer session with the same resource ends the older one with conflict")
{
    House house;
    Client older(house), newer(house);
    older.log_in("juliet", "balcony");
    CHECK(newer.log_in("juliet", "balcony") == "juliet@capulet.lit/balcony");
    CHECK(has(older.hear(), "<conflict "));
    CHECK(older.is_closed());
    CHECK(has(newer.say("<message to='juliet@capulet.lit/balcony' id='1'/>"), "id='1'"));
}

TEST_CASE("the answer to bind comes before anything a plugin sends to the new session")
{
    House house;
    house.on<SessionOpened>([](SessionOpened& event) {
        event.session.send(Stanza(Stanza::Kind::message));
        return Flow::next;
    });
    Client client(house);
    authenticated(client, "juliet");
    const auto answer = client.say(bind_to("x"));
    CHECK(answer.find("</iq>") < answer.find("<message"));
}

TEST_CASE("a plugin may close a session in the moment it opens")
{
    House house;
    int closed = 0;
    house.on<SessionOpened>([](SessionOpened& event) {
        event.session.close({ StreamError::Condition::policy_violation });
        return Flow::next;
    });
    house.on<SessionClosed>([&](SessionClosed&) {
        ++closed;
        return Flow::next;
    });
    Client client(house);
    authenticated(client, "juliet");
    CHECK(client.say(bind_to("x") + "<message id='after'/>").ends_with("</stream:stream>"));
    CHECK(client.is_closed());
    CHECK(closed == 1);
    CHECK(house.open_streams() == 0);
}

TEST_CASE("old clients may start a session, and nobody binds twice")
{
    House house;
    Client client(house);
    client.log_in("juliet", "balcony");
    CHECK(client.say("<iq type='set' id='s'><session "
                     "xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
        == "<iq type='result' id='s'/>");
    CHECK(has(client.say(bind_to("another")), "<not-allowed "));
    CHECK_FALSE(client.is_closed());
}

TEST_CASE("the stream's language is that of stanzas which name none")
{
    House house;
    Client client(house);
    client.say(client_header);
    client.authenticate("juliet");
    std::string header(client_header);
    client.say(header.insert(header.size() - 1, " xml:lang='it'"));
    client.say(bind_to("balcony"));
    CHECK(has(client.say("<message to='juliet@capulet.lit/balcony' id='1'/>"), "xml:lang='it'"));
    CHECK(has(client.say("<message to='juliet@capulet.lit/balcony' xml:lang='de' id='2'/>"),
        "xml:lang='de'"));
}

TEST_CASE("a from that is not the client's ends its stream")
{
    House house;
    Client client(house);
    client.log_in("juliet", "balcony");
    CHECK(has(client.say("<message from='romeo@capulet.lit' to='juliet@capulet.lit/balcony'/>"),
        "<invalid-from "));
    CHECK(client.is_closed());
    CHECK(house.open_streams() == 0);
}

TEST_CASE("an iq without id or with no type that there is hears bad-request")
{
    House house;
    Client client(house);
    client.log_in("juliet", "balcony");
    for (const char* iq : { "<iq type='get'><x xmlns='x'/></iq>", "<iq id='1'><x xmlns='x'/></iq>",
             "<iq id='1' type='ask'><x xmlns='x'/></iq>" })
        CHECK(has(client.say(iq), "<bad-request "));
    CHECK(client.say("<iq type='error'/><iq type='result'/>").empty());
    CHECK_FALSE(client.is_closed());
}

TEST_CASE("streams end with both tags, and the session ends with its stream")
{
    House house;
    int closed = 0;
    house.on<SessionClosed>([&](SessionClosed&) {
        ++closed;
        return Flow::next;
    });
    Client polite(house), sudden(house), before(house);
    polite.log_in("juliet", "1");
    sudden.log_in("juliet", "2");
    before.say(client_header);
    CHECK(polite.say("</stream:stream>") == "</stream:stream>");
    CHECK(polite.is_closed());
    CHECK(before.say("</stream:stream>") == "</stream:stream>");
    sudden.peer.hang_up();
    house.settle();
    CHECK(closed == 2);
    CHECK(house.open_streams() == 0);
    CHECK(house.server->find_host("capulet.lit")->session_count() == 0);
}

TEST_CASE("what comes after the end of a stream is not read")
{
    House house;
    Client client(house);
    client.log_in("juliet", "balcony");
    CHECK(client.say("</stream:stream><message to='juliet@capulet.lit/balcony'/>")
        == "</stream:stream>");
}

TEST_CASE("a silent client is pinged, and given up when it has not answered after twice the time")
{
    Limits limits;
    limits.idle_time = 600s;
    House house({ .limits = limits });
    Client silent(house), talking(house);
    silent.log_in("juliet", "1");
    talking.log_in("juliet", "2");
    for (int i = 0; i < 11; ++i) {
        house.advance(50s);
        talking.say(" ");
    }
    CHECK(silent.hear().empty());
    for (int i = 0; i < 3; ++i) { // the limit, and the pause between two looks at it
        house.advance(50s);
        CHECK(talking.say(" ").empty());
    }
    CHECK(has(silent.hear(), "<ping xmlns='urn:xmpp:ping'/>"));
    CHECK(silent.say("<iq type='result' to='capulet.lit' id='keep-alive'/>").empty());
    for (int i = 0; i < 11; ++i) {
        house.advance(50s);
        talking.say(" ");
    }
    CHECK(silent.hear().empty()); // it had answered, so the time began anew
    for (int i = 0; i < 16; ++i) {
        house.advance(50s);
        talking.say(" ");
    }
    CHECK(has(silent.hear(), "<connection-timeout "));
    CHECK(silent.is_closed());
    CHECK_FALSE(talking.is_closed());
    CHECK(house.server->find_host("capulet.lit")->session_count() == 1);
}

TEST_CASE("a reader who does not read is disconnected at the limit of what waits for it")
{
    Limits limits;
    limits.output_high = { 2000 };
    limits.output_max = { 8000 };
    House house({ .limits = limits });
    Client reader(house);
    reader.log_in("juliet", "balcony");
    reader.peer.accept_only(0);
    const auto message = "<message to='juliet@capulet.lit/balcony' id='1'><body>"
        + std::string(900, 'x') + "</body></message>";
    // It writes to itself: nobody else can be made to wait.
    for (int i = 0; i < 7; ++i)
        reader.say(message);
    CHECK(house.server->find_host("capulet.lit")->session_count() == 1);
    reader.say(message);
    CHECK(house.server->find_host("capulet.lit")->session_count() == 0);
    reader.peer.accept_everything();
    CHECK(has(reader.hear(), "<resource-constraint "));
}

TEST_CASE("senders wait for a reader who falls behind, and lose nothing")
{
    Limits limits;
    limits.output_high = { 4000 };
    House house({ .loops = 2, .limits = limits });
    Client reader(house), sender(house);
    reader.log_in("juliet", "balcony");
    sender.log_in("romeo", "orchard");
    reader.peer.accept_only(0);
    const auto message = [](int number) {
        return "<message to='juliet@capulet.lit/balcony' id='" + std::to_string(number) + "'><body>"
            + std::string(900, 'x') + "</body></message>";
    };
    for (int i = 0; i < 100; ++i)
        sender.say(message(i));
    const auto before = house.server->c2s().counters();
    CHECK(before.stanzas_out < 20); // the rest has not been read
    std::string all_at_once;
    for (int i = 100; i < 120; ++i)
        all_at_once += message(i);
    sender.say(all_at_once);
    reader.peer.accept_everything();
    std::string heard = reader.hear();
    std::size_t at = 0;
    for (int i = 0; i < 120; ++i) {
        at = heard.find("id='" + std::to_string(i) + "'", at);
        REQUIRE(at != heard.npos);
    }
    CHECK(sender.hear().empty());
}

TEST_CASE("at shutdown everybody hears system-shutdown, and then it is done")
{
    House house({ .loops = 3 });
    Client bound(house), negotiating(house), fresh(house);
    bound.log_in("juliet", "balcony");
    negotiating.say(client_header);
    bool is_done = false;
    house.server->main_loop().post([&] { house.server->c2s().shut_down([&] { is_done = true; }); });
    house.settle();
    CHECK(has(bound.hear(), "<system-shutdown "));
    CHECK(has(negotiating.hear(), "<system-shutdown "));
    CHECK(has(fresh.hear(), "<system-shutdown "));
    CHECK(is_done);
    Client late(house);
    CHECK(has(late.hear(), "<system-shutdown "));
}

TEST_CASE("a shutdown does not wait for ever")
{
    House house;
    Client stuck(house);
    stuck.log_in("juliet", "balcony");
    stuck.peer.accept_only(0);
    bool is_done = false;
    house.server->main_loop().post([&] { house.server->c2s().shut_down([&] { is_done = true; }); });
    house.settle();
    CHECK_FALSE(is_done);
    house.advance(6s);
    CHECK(is_done);
}

TEST_CASE("counters tell streams, stanzas and bytes")
{
    House house;
    Client client(house);
    client.log_in("juliet", "balcony");
    const auto before = house.server->c2s().counters();
    const std::string message = "<message to='juliet@capulet.lit/balcony' id='1'/>";
    const auto heard = client.say(message);
    const auto after = house.server->c2s().counters();
    CHECK(after.open_streams == 1);
    CHECK(after.stanzas_in - before.stanzas_in == 1);
    CHECK(after.stanzas_out - before.stanzas_out == 1);
    CHECK(after.bytes_in - before.bytes_in == message.size());
    CHECK(after.bytes_out - before.bytes_out == heard.size());
}
