// XEP-0388: SASL in its second form.
#include "c2s_sasl2_fixture.h"
#include "session.h"
#include "virtual_host.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

TEST_CASE("SASL2 is offered with TLS, with the mechanisms and Bind 2")
{
    House house({ .require_encryption = false });
    Client client(house);
    const auto features = client.say(client_header);
    CHECK(has(features,
        "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256</mechanism>"
        "<mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>"
        "<inline><bind xmlns='urn:xmpp:bind:0'/></inline></authentication>"));
    Client open(house, { .is_encrypted = false });
    CHECK_FALSE(has(open.say(client_header), "urn:xmpp:sasl:2"));
    CHECK(has(open.say(authenticate("SCRAM-SHA-1", "n,,n=juliet,r=x")), "<encryption-required "));
    Client after(house);
    after.say(client_header);
    CHECK_FALSE(has(after.say(plain("juliet")), "urn:xmpp:bind:0"));
}

TEST_CASE("a client is in session after one round trip")
{
    House house;
    Client client(house);
    client.say(client_header);
    const auto answer = client.say(plain("juliet", agent() + std::string(bind_wish)));
    const auto jid = identity(answer);
    CHECK(jid.starts_with("juliet@capulet.lit/Gajim/"));
    CHECK(answer
        == "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>" + jid
            + "</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>"
              "<stream:features></stream:features>");
    const auto echo = client.say("<message id='m' to='" + jid + "'/>");
    CHECK(has(echo, "from='" + jid + "'"));
    CHECK(has(echo, "id='m'"));
    CHECK(has(client.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                         "</iq>"),
        "<not-allowed "));
}

TEST_CASE("without a wish to bind the stream goes on as RFC 6120 has it, but is not restarted")
{
    House house({ .loops = 3 });
    for (const char* user : { "juliet", "romeo", "nurse" }) {
        Client client(house);
        client.say(client_header);
        CHECK(client.say(plain(user))
            == "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>" + std::string(user)
                + "@capulet.lit</authorization-identifier></success><stream:features>"
                  "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                  "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
                  "</stream:features>");
        CHECK(has(client.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                             "<resource>x</resource></bind></iq>"),
            "<jid>" + std::string(user) + "@capulet.lit/x</jid>"));
    }
}

TEST_CASE("what a client sends without waiting is served in its order, on whatever loop")
{
    for (const std::size_t loops : { 1, 2, 5 })
        for (const char* user : { "juliet", "romeo", "nurse" })
            for (const bool is_slow : { false, true }) {
                House house({ .loops = loops });
                if (is_slow)
                    house.backend.gate.emplace();
                Client client(house);
                auto answer = client.say(std::string(client_header)
                    + plain(user, agent() + std::string(bind_wish)) + "<message id='1' to='" + user
                    + "@capulet.lit/y'/><message id='2' to='" + user
                    + "@capulet.lit/y'/><presence id='3' to='capulet.lit'/>");
                if (is_slow) {
                    CHECK_FALSE(has(answer, "<success"));
                    house.backend.gate->resolve(true);
                    answer = client.hear();
                }
                const auto success = answer.find("<success");
                const auto first = answer.find("id='1'");
                const auto second = answer.find("id='2'");
                REQUIRE(second != answer.npos);
                CHECK(success < answer.find("</stream:features>", success));
                CHECK(answer.find("</stream:features>", success) < first);
                CHECK(first < second);
            }
}

TEST_CASE("a client that sends byte by byte is served all the same")
{
    House house({ .loops = 3 });
    Client client(house);
    std::string answer;
    for (const char byte : std::string(client_header) + plain("juliet", bind_wish))
        answer += client.say({ &byte, 1 });
    CHECK(identity(answer).starts_with("juliet@capulet.lit/Gajim/"));
}

TEST_CASE("a session lives on the home loop of its account")
{
    House house({ .loops = 4 });
    std::vector<std::string> wrong;
    house.on<SessionOpened>([&](SessionOpened& event) {
        if (Loop::current() != &event.session.host().home(event.session.jid()))
            wrong.emplace_back(event.session.jid().text());
        return Flow::next;
    });
    for (const char* user : { "juliet", "romeo", "nurse" }) {
        Client client(house);
        client.say(client_header);
        CHECK(has(client.say(plain(user, bind_wish)), "<bound "));
    }
    CHECK(wrong.empty());
}

TEST_CASE("SCRAM says in its success that the server knows the password, too")
{
    House house;
    Client client(house);
    client.say(client_header);
    const auto answer = scram(client, bind_wish);
    CHECK(answer.starts_with("<success xmlns='urn:xmpp:sasl:2'><additional-data>"));
    CHECK(from_base64(content(answer, "additional-data"))->starts_with("v="));
    CHECK(has(answer, "<bound "));
}

TEST_CASE("a mechanism without an initial response is asked for one")
{
    House house;
    Client client(house);
    client.say(client_header);
    CHECK(client.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>")
        == "<challenge xmlns='urn:xmpp:sasl:2'/>");
    CHECK(has(client.say(response("\0juliet\0pencil"s)), "<success "));
}

TEST_CASE("failures have the form of SASL2, and inline wishes are not granted with them")
{
    House house;
    bool was_bound = false;
    house.on<SessionOpened>([&](SessionOpened&) {
        was_bound = true;
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    const auto wrong = client.say(plain("juliet", bind_wish, "wrong"));
    CHECK(wrong == failure("not-authorized"));
    CHECK(client.say(plain("nobody", bind_wish)) == wrong);
    CHECK_FALSE(was_bound);
    CHECK(client.say(authenticate("BLURDYBLOOP", "x")) == failure("invalid-mechanism"));
    CHECK(client.say("<authenticate xmlns='urn:xmpp:sasl:2'/>") == failure("invalid-mechanism"));
    CHECK(client.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>"
                     "<initial-response>AGE AYg==</initial-response></authenticate>")
        == failure("incorrect-encoding"));
    // There is no "=" in SASL2.
    CHECK(client.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>"
                     "<initial-response>=</initial-response></authenticate>")
        == failure("incorrect-encoding"));
    CHECK(has(client.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>"
                         "<initial-response/></authenticate>"),
        "<malformed-request "));
    CHECK_FALSE(was_bound);
    CHECK(has(client.say(plain("juliet", bind_wish)), "<bound "));
    CHECK(was_bound);
}

TEST_CASE("abort ends an attempt, and another may follow")
{
    House house;
    Client client(house);
    client.say(client_header);
    client.say(authenticate("SCRAM-SHA-1", "n,,n=juliet,r=x"));
    CHECK(client.say("<abort xmlns='urn:xmpp:sasl:2'><text>tired</text></abort>")
        == failure("aborted"));
    CHECK(has(client.say(plain("juliet")), "<success "));
}

TEST_CASE("attempts are counted together, whatever their form")
{
    Limits limits;
    limits.auth_attempts = 3;
    House house({ .limits = limits });
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", {}, "wrong"));
    client.authenticate("juliet", "wrong");
    CHECK_FALSE(client.is_closed());
    CHECK(has(client.say(plain("juliet", {}, "wrong")), "<policy-violation "));
    CHECK(client.is_closed());

    Client stubborn(house);
    stubborn.say(client_header);
    for (int i = 0; i < 11; ++i)
        CHECK(has(stubborn.say(plain("juliet", agent("me"))), "<malformed-request "));
    CHECK_FALSE(stubborn.is_closed());
    CHECK(has(stubborn.say(plain("juliet", agent("me"))), "<policy-violation "));
}

TEST_CASE("elements out of their order end the attempt or the stream")
{
    struct Case {
        std::string before, then, answer;
    };
    const auto running = authenticate("SCRAM-SHA-1", "n,,n=juliet,r=x");
    const auto old_running = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                             "mechanism='SCRAM-SHA-1'>"
        + to_base64("n,,n=juliet,r=x") + "</auth>";
    const Case cases[] = {
        { "", response("x"), "<malformed-request " },
        { "", "<abort xmlns='urn:xmpp:sasl:2'/>", "<aborted " },
        { "", "<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-256'/>", "<malformed-request " },
        { "", "<task-data xmlns='urn:xmpp:sasl:2'/>", "<malformed-request " },
        { "", "<success xmlns='urn:xmpp:sasl:2'/>", "<malformed-request " },
        { running, running, "<policy-violation " },
        { running, old_running, "<policy-violation " },
        { running, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "<policy-violation " },
        { running, "<presence/>", "<policy-violation " },
        { running, "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
            "<policy-violation " },
        { running, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<policy-violation " },
        { running, "<next xmlns='urn:xmpp:sasl:2' task='x'/>", "<malformed-request " },
        { old_running, running, "<policy-violation " },
        { old_running, response("x"), "<policy-violation " },
        { plain("juliet"), plain("juliet"), "<unsupported-stanza-type " },
        { plain("juliet", bind_wish), plain("juliet"), "<unsupported-stanza-type " },
        { plain("juliet", bind_wish), response("x"), "<unsupported-stanza-type " },
        { plain("juliet", {}, "wrong"), "<presence/>", "<not-authorized " },
    };
    for (const Case& one : cases) {
        for (const bool at_once : { false, true }) {
            House house;
            Client client(house);
            client.say(client_header);
            std::string answer;
            if (at_once) {
                answer = client.say(one.before + one.then);
            } else {
                client.say(one.before);
                answer = client.say(one.then);
            }
            CAPTURE(one.before);
            CAPTURE(one.then);
            CAPTURE(answer);
            CHECK(has(answer, one.answer));
            if (has(one.answer, "malformed") || has(one.answer, "aborted"))
                CHECK(has(client.say(plain("juliet")), "<success "));
            else
                CHECK(client.is_closed());
        }
    }
}

TEST_CASE("the stream's from and the account must agree")
{
    House house;
    Client other(house);
    other.say(header_from("romeo@capulet.lit"));
    CHECK(has(other.say(plain("juliet", bind_wish)), "<invalid-authzid "));
    CHECK(has(other.say(plain("romeo", bind_wish)), "<bound "));
    Client elsewhere(house);
    CHECK(has(elsewhere.say(header_from("juliet@montague.lit")), "<invalid-from "));
}

TEST_CASE("limits before the login hold for SASL2")
{
    Limits limits;
    limits.stanza_bytes_before_auth = Bytes { 10000 };
    House house({ .limits = limits });
    const auto of_size = [](std::size_t size) {
        const auto bare = plain("juliet", "<x xmlns='urn:example'></x>");
        return plain(
            "juliet", "<x xmlns='urn:example'>" + std::string(size - bare.size(), 'x') + "</x>");
    };
    Client fits(house);
    fits.say(client_header);
    CHECK(has(fits.say(of_size(10000)), "<success "));
    Client exceeds(house);
    exceeds.say(client_header);
    CHECK(has(exceeds.say(of_size(10001)), "<policy-violation "));

    Client slow(house);
    slow.say(client_header);
    slow.say(authenticate("SCRAM-SHA-1", "n,,n=juliet,r=x"));
    house.advance(61s);
    CHECK(has(slow.hear(), "<connection-timeout "));
}

TEST_CASE("plugins judge and hear of logins with SASL2 as of others")
{
    House house;
    std::string heard;
    std::optional<Error> verdict;
    house.on<AuthenticationProved>([&](AuthenticationProved& event) {
        heard.append("proved ").append(event.user).append(", ");
        Completion<std::optional<Error>> wait;
        wait.resolve(verdict);
        event.waits.push_back(wait);
        return Flow::next;
    });
    house.on<AuthenticationEnded>([&](AuthenticationEnded& event) {
        heard.append(event.user).append(" ").append(event.mechanism).append(" ");
        heard.append(event.succeeded ? "yes" : event.condition).append(", ");
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", bind_wish, "wrong"));
    client.say(authenticate("NONE", "x"));
    verdict = Error { "locked", Error::Kind::disabled };
    CHECK(client.say(plain("juliet", bind_wish)) == failure("account-disabled"));
    verdict.reset();
    CHECK(has(client.say(plain("juliet", bind_wish)), "<bound "));
    CHECK(heard
        == "juliet PLAIN not-authorized,   invalid-mechanism, proved juliet, "
           "juliet PLAIN account-disabled, proved juliet, juliet PLAIN yes, ");
}
