#include "c2s_fixture.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

namespace {

constexpr std::string_view start_tls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

std::string error(std::string_view condition)
{
    return "<stream:error><" + std::string(condition)
        + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
}

std::string replaced(std::string_view text, std::string_view what, std::string_view with)
{
    std::string out(text);
    return out.replace(out.find(what), what.size(), with);
}

}

TEST_CASE("each header that cannot be served gets our header, then its error, then the end")
{
    House house;
    const std::pair<std::string, std::string> headers[] = {
        { replaced(client_header, "capulet.lit", "verona.lit"), "host-unknown" },
        { replaced(client_header, "to='capulet.lit'", ""), "host-unknown" },
        { replaced(client_header, "to='capulet.lit'", "to=' '"), "host-unknown" },
        { replaced(client_header, "version='1.0'", ""), "unsupported-version" },
        { replaced(client_header, "1.0", "0.9"), "unsupported-version" },
        { replaced(client_header, "jabber:client", "jabber:server"), "invalid-namespace" },
        { replaced(client_header, "http://etherx.jabber.org/streams", "urn:x"),
            "invalid-namespace" },
    };
    for (const auto& [header, condition] : headers) {
        const auto& shown = header;
        CAPTURE(shown);
        Client client(house);
        const auto answer = client.say(header);
        CHECK(answer.starts_with("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "));
        CHECK(has(answer, " version='1.0'"));
        CHECK(has(answer, "<" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'"));
        CHECK(answer.ends_with("</stream:error></stream:stream>"));
        CHECK(client.is_closed());
    }
    CHECK(house.open_streams() == 0);
}

TEST_CASE("what is no XML stream is told so after our header")
{
    House house;
    const std::pair<std::string_view, std::string_view> beginnings[]
        = { { "GET / HTTP/1.1\r\n\r\n", "not-well-formed" },
              { "<!DOCTYPE x []>", "restricted-xml" }, { "</stream:stream>", "not-well-formed" },
              { "<stream:stream x='\xff'>", "unsupported-encoding" } };
    for (const auto& [bytes, condition] : beginnings) {
        const std::string shown(bytes);
        CAPTURE(shown);
        Client client(house);
        const auto answer = client.say(bytes);
        CHECK(answer.starts_with("<?xml version='1.0'?><stream:stream "));
        CHECK(has(answer, " from=''"));
        CHECK(has(answer, condition));
        CHECK(answer.ends_with("</stream:stream>"));
        CHECK(client.is_closed());
    }
}

TEST_CASE("our header names the domain, repeats the client's address, and has a new id each time")
{
    House house;
    Client first(house), second(house);
    const auto header = replaced(client_header, "to=", "from='Juliet@capulet.lit' to=");
    const auto one = first.say(header);
    const auto other = second.say(header);
    CHECK(has(one, " from='capulet.lit' to='juliet@capulet.lit' version='1.0' xml:lang='en'>"));
    const auto id = [](const std::string& text) { return text.substr(text.find(" id='"), 37); };
    CHECK(id(one) != id(other));
}

TEST_CASE("before TLS only STARTTLS is offered where encryption is required")
{
    House house;
    Client client(house, { .is_encrypted = false });
    const auto answer = client.say(client_header);
    CHECK(answer.ends_with("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
                           "<required/></starttls></stream:features>"));
    CHECK(has(client.authenticate("juliet"), "<encryption-required/>"));
    CHECK(
        has(client.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'/>"),
            "<encryption-required/>"));
    CHECK(has(client.say("<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>"),
        "not-authorized"));
}

TEST_CASE("where encryption is not required SCRAM is offered beside STARTTLS, and PLAIN is not")
{
    House house({ .require_encryption = false });
    Client client(house, { .is_encrypted = false });
    const auto answer = client.say(client_header);
    CHECK(has(answer,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism>"
        "<mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>"));
    CHECK(has(client.authenticate("juliet"), "<encryption-required/>"));
}

TEST_CASE("after STARTTLS the stream begins anew and offers the mechanisms")
{
    House house;
    Client client(house, { .is_encrypted = false });
    client.say(client_header);
    CHECK(client.say(start_tls) == "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    const auto answer = client.say(client_header);
    CHECK(has(answer, "<mechanism>PLAIN</mechanism>"));
    CHECK_FALSE(has(answer, "starttls"));
    CHECK(has(client.authenticate("juliet"), "<success"));
}

TEST_CASE("bytes that a client pipelines after STARTTLS are thrown away")
{
    House house;
    Client client(house, { .is_encrypted = false });
    client.say(client_header);
    // What an attacker in the middle puts here must not be taken for the client's first words.
    const auto injected = std::string(start_tls) + std::string(client_header) + "<message/>";
    CHECK(client.say(injected) == "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    CHECK(has(client.say(client_header), "<mechanism>PLAIN</mechanism>"));
    CHECK_FALSE(client.is_closed());
}

TEST_CASE("STARTTLS that cannot be is answered with failure, and ends the stream")
{
    House house;
    Client twice(house);
    twice.say(client_header);
    const auto refusal = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
    CHECK(twice.say(start_tls) == refusal);
    CHECK(twice.is_closed());

    House without({ .has_tls = false, .require_encryption = false });
    Client client(without, { .is_encrypted = false });
    CHECK_FALSE(has(client.say(client_header), "starttls"));
    CHECK(client.say(start_tls) == refusal);
}

TEST_CASE("direct TLS waits for the handshake, and ends without a word when there is none")
{
    Limits limits;
    limits.negotiation_time = 60s;
    House house({ .limits = limits });
    Client client(house, { .is_encrypted = false, .tls = ListenSettings::Tls::direct });
    CHECK(has(client.say(client_header), "<mechanism>PLAIN</mechanism>"));

    House without({ .has_tls = false });
    Client refused(without, { .is_encrypted = false, .tls = ListenSettings::Tls::direct });
    CHECK(refused.hear().empty());
    CHECK(refused.is_closed());
}

TEST_CASE("a stanza before authentication ends the stream with not-authorized")
{
    House house;
    for (const char* stanza : { "<message to='romeo@capulet.lit'/>", "<presence/>",
             "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>" }) {
        Client client(house);
        client.say(client_header);
        CHECK(client.say(stanza) == error("not-authorized") + "</stream:error></stream:stream>");
        CHECK(client.is_closed());
    }
}

TEST_CASE("what is no stanza ends the stream with unsupported-stanza-type")
{
    House house;
    for (const char* element : { "<banana/>", "<message xmlns='urn:x'/>",
             "<iq xmlns='jabber:server' type='get' id='1'/>", "<stream:features/>" }) {
        Client before(house);
        before.say(client_header);
        CHECK(has(before.say(element), "<unsupported-stanza-type "));
        Client after(house);
        after.log_in("juliet", "balcony");
        CHECK(has(after.say(element), "<unsupported-stanza-type "));
    }
    Client client(house);
    client.log_in("juliet", "balcony");
    CHECK(has(client.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>"),
        "<unsupported-stanza-type "));
}

TEST_CASE("a negotiation that takes too long is cut off, wherever it stands")
{
    Limits limits;
    limits.negotiation_time = 60s;
    House house({ .limits = limits });
    Client silent(house), slow(house), bound(house);
    Client waiting(house, { .is_encrypted = false });
    waiting.say(client_header);
    slow.say(client_header);
    slow.authenticate("juliet");
    bound.log_in("romeo", "orchard");
    house.advance(59s);
    CHECK_FALSE(silent.is_closed());
    CHECK_FALSE(slow.is_closed());
    house.advance(1s);
    CHECK(has(silent.hear(), "<connection-timeout "));
    CHECK(has(slow.hear(), "<connection-timeout "));
    CHECK(has(waiting.hear(), "<connection-timeout "));
    CHECK(silent.is_closed());
    CHECK_FALSE(bound.is_closed());
    CHECK(house.open_streams() == 1);
}

TEST_CASE("there may be as many streams as the limits say, in all and from one address")
{
    Limits limits;
    limits.connections = 3;
    limits.connections_per_address = 2;
    House house({ .limits = limits });
    Client one(house), two(house);
    Client third_of_address(house);
    CHECK(has(third_of_address.hear(), "<policy-violation "));
    CHECK(third_of_address.is_closed());
    Client other(house, { .address = "192.0.2.2" });
    Client too_many(house, { .address = "192.0.2.3" });
    CHECK(has(too_many.hear(), "<resource-constraint "));
    CHECK(house.open_streams() == 3);

    one.say("</x>");
    CHECK(one.is_closed());
    Client again(house);
    CHECK(has(again.say(client_header), "<stream:features>"));
}

TEST_CASE("a stanza may be as long as its limit, which is lower before authentication")
{
    Limits limits;
    limits.stanza_bytes_before_auth = { 10000 };
    limits.stanza_bytes = { 20000 };
    House house({ .limits = limits });
    const auto of_size = [](std::size_t bytes) {
        const std::string around = "<iq type='get' id='1'><x xmlns='x'></x></iq>";
        return replaced(around, "</x>", std::string(bytes - around.size(), 'x') + "</x>");
    };
    house.on<UnboundIq>([](UnboundIq&) { return Flow::done; });
    Client before(house);
    before.say(client_header);
    CHECK(before.say(of_size(10000)).empty());
    CHECK(has(before.say(of_size(10001)), "<policy-violation "));
    Client after(house);
    after.log_in("juliet", "balcony");
    CHECK(has(after.say(of_size(20000)), "type='error'"));
    CHECK(has(after.say(of_size(20001)), "<policy-violation "));
}

TEST_CASE("plugins add features in each phase")
{
    House house;
    std::vector<StreamFeatures::Phase> phases;
    house.on<StreamFeatures>([&](StreamFeatures& event) {
        phases.push_back(event.phase);
        CHECK(event.stream.user() == (event.phase == StreamFeatures::Phase::bind ? "juliet" : ""));
        event.features.add("extra", "urn:example:extra");
        return Flow::next;
    });
    Client client(house, { .is_encrypted = false });
    CHECK(has(client.say(client_header), "<extra xmlns='urn:example:extra'/></stream:features>"));
    client.say(start_tls);
    client.say(client_header);
    client.authenticate("juliet");
    CHECK(has(client.say(client_header), "<extra xmlns='urn:example:extra'/></stream:features>"));
    using enum StreamFeatures::Phase;
    CHECK(phases == std::vector { encrypt, authenticate, bind });
}

TEST_CASE("an iq before binding goes to plugins, who may answer later")
{
    House house;
    ClientStreamRef held;
    std::optional<Stanza> asked;
    house.on<UnboundIq>([&](UnboundIq& event) {
        held = event.stream;
        asked = std::move(event.stanza);
        return Flow::done;
    });
    Client client(house);
    client.say(client_header);
    CHECK(client.say("<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>").empty());
    CHECK(held->address() == "192.0.2.1");
    CHECK(held->is_encrypted());
    house.server->loop(0).post([&] { held->send(asked->reply()); });
    CHECK(client.hear() == "<iq type='result' id='r'/>");

    // The stream moves on: an answer that comes too late goes nowhere.
    client.authenticate("juliet");
    house.server->loop(0).post([&] { held->send(asked->reply()); });
    CHECK(client.hear().empty());
    client.peer.hang_up();
    house.settle();
    held->close({ StreamError::Condition::reset });
    CHECK(held->host().domain() == "capulet.lit");
}
