// XEP-0484: tokens in place of the password.
#include "c2s_sasl2_fixture.h"
#include "session.h"
#include "virtual_host.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

TEST_CASE("FAST is offered while somebody keeps tokens, with what the TLS session can bind")
{
    House house;
    TestTokens tokens;
    Client before(house);
    CHECK_FALSE(has(before.say(client_header), "urn:xmpp:fast:0"));
    house.provide<LoginTokens>(tokens);
    Client unbound(house);
    CHECK(has(unbound.say(client_header),
        "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-512-NONE</mechanism>"
        "<mechanism>HT-SHA-256-NONE</mechanism></fast></inline>"));
    Client bound(house, { .exporter = "the exported key material" });
    CHECK(has(bound.say(client_header), "<mechanism>HT-SHA-256-EXPR</mechanism>"));
}

TEST_CASE("a token is given to a client that asks, and opens the stream the next time")
{
    House house({ .loops = 2 });
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    Client client(house);
    client.say(client_header);
    const auto answer = client.say(plain("juliet",
        agent() + std::string(bind_wish)
            + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"));
    CHECK(has(answer, std::string(issued) + "</success>"));
    CHECK(has(answer, "<bound "));

    Client again(house);
    again.say(client_header);
    const auto success = again.say(
        token_login("<fast xmlns='urn:xmpp:fast:0' count='2'/>" + std::string(bind_wish)));
    CHECK(identity(success) == identity(answer));
    CHECK(from_base64(content(success, "additional-data"))
        == hmac(Hash::sha256, "secret", "Responder"));
    CHECK_FALSE(has(success, "<token "));
    CHECK(tokens.last_use.count == 2u);
    CHECK(tokens.heard == "issue HT-SHA-256-NONE to juliet, find juliet, use one of Gajim, ");
}

TEST_CASE("somebody without a name is given no token")
{
    House house;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    house.backend.guest = "guest-1";
    Client client(house);
    client.say(client_header);
    const auto answer = client.say(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><initial-response/>" + agent()
        + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"
        + "</authenticate>");
    CHECK(has(answer, "<success "));
    CHECK_FALSE(has(answer, "<token "));
    CHECK(tokens.heard.empty());
}

TEST_CASE("a token is bound to its TLS session where its mechanism says so")
{
    House house;
    TestTokens tokens;
    tokens.mechanism = "HT-SHA-256-EXPR";
    house.provide<LoginTokens>(tokens);
    const std::string_view fast = "<fast xmlns='urn:xmpp:fast:0'/>";
    const auto say = [&](std::string_view mechanism, std::string_view binding) {
        Client client(house, { .exporter = "the exported key material" });
        client.say(client_header);
        return client.say(token_login(fast, "secret", mechanism, binding));
    };
    CHECK(has(say("HT-SHA-256-EXPR", "the exported key material"), "<success "));
    CHECK(say("HT-SHA-256-EXPR", "another session's") == failure("not-authorized"));
    CHECK(say("HT-SHA-256-EXPR", "") == failure("not-authorized"));
    CHECK(say("HT-SHA-256-NONE", "") == failure("not-authorized")); // pinned
    CHECK(say("HT-SHA-256-ENDP", "") == failure("invalid-mechanism")); // not available
}

TEST_CASE("wrong tokens open nothing")
{
    House house;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    std::string guesses;
    house.on<AuthenticationEnded>([&](AuthenticationEnded& event) {
        guesses += event.was_guess ? "guess, " : "no guess, ";
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    const std::string fast = "<fast xmlns='urn:xmpp:fast:0'/>";
    CHECK(client.say(token_login(fast, "secretive")) == failure("not-authorized"));
    CHECK(client.say(token_login(fast, "secret", "HT-SHA-256-NONE", {}, "nobody"))
        == failure("not-authorized"));
    CHECK(client.say(token_login(fast, "secret", "HT-SHA-256-NONE", {}, "@"))
        == failure("not-authorized"));
    // Everybody may learn that a token is a stale one, but not by guessing.
    CHECK(guesses == "no guess, no guess, no guess, ");
    tokens.is_expired = true;
    CHECK(client.say(token_login(fast)) == failure("credentials-expired"));
    tokens.is_expired = false;
    // Whoever keeps tokens may not have heard that an account is gone.
    house.backend.passwords.erase("juliet");
    CHECK(client.say(token_login(fast)) == failure("not-authorized"));
    house.backend.passwords["juliet"] = "pencil";
    CHECK(client.say(token_login("<fast xmlns='urn:xmpp:fast:0' count='1'/>"))
        == failure("not-authorized"));
    CHECK(has(client.say(token_login(fast)), "<success "));
}

TEST_CASE("what is wrong around a token is said")
{
    House house;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    const auto wrong = [&](const std::string& request) {
        Client client(house);
        client.say(client_header);
        return has(client.say(request), "<malformed-request ");
    };
    const auto proof = "juliet\0"s + hmac(Hash::sha256, "secret", "Initiator");
    const auto ht = [&](std::string_view beside, std::string_view message) {
        return authenticate("HT-SHA-256-NONE", message, beside);
    };
    const std::string fast = "<fast xmlns='urn:xmpp:fast:0'/>";
    CHECK(wrong(ht(agent(), proof)));
    CHECK(wrong(ht(fast, proof)));
    CHECK(wrong(plain("juliet", agent() + fast)));
    CHECK(wrong(ht(agent() + fast, "juliet")));
    CHECK(wrong(ht(agent() + fast, "\0"s + proof.substr(7))));
    CHECK(wrong(ht(agent() + fast, proof + "x")));
    CHECK(wrong(ht(agent() + fast, proof.substr(0, proof.size() - 1))));
    for (const char* attribute : { "count='0'", "count='-1'", "count='x'", "count=''",
             "count='4294967296'", "invalidate='yes'", "invalidate=''" })
        CHECK(wrong(token_login("<fast xmlns='urn:xmpp:fast:0' " + std::string(attribute) + "/>")));
    CHECK_FALSE(
        wrong(token_login("<fast xmlns='urn:xmpp:fast:0' count='4294967295' invalidate='0'/>")));
    const auto wish = [&](std::string_view mechanism, const std::string& by) {
        return plain("juliet",
            by + "<request-token xmlns='urn:xmpp:fast:0' " + std::string(mechanism) + "/>");
    };
    CHECK(wrong(wish("mechanism='HT-SHA-256-NONE'", {})));
    CHECK(wrong(wish("mechanism='HT-SHA-256-EXPR'", agent()))); // not offered on this stream
    CHECK(wrong(wish("mechanism='PLAIN'", agent())));
    CHECK(wrong(wish("", agent())));
    CHECK_FALSE(wrong(wish("mechanism='HT-SHA-512-NONE'", agent())));

    // The id of the client does not come with RFC 6120.
    Client old(house);
    old.say(client_header);
    CHECK(has(old.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='HT-SHA-256-NONE'>"
                  + to_base64(proof) + "</auth>"),
        "<invalid-mechanism/>"));
}

TEST_CASE("a token that is due is replaced, unless the client wants it no more")
{
    House house;
    TestTokens tokens;
    tokens.is_due = true;
    house.provide<LoginTokens>(tokens);
    const auto say = [&](const std::string& fast) {
        Client client(house);
        client.say(client_header);
        return client.say(token_login(fast));
    };
    CHECK(has(say("<fast xmlns='urn:xmpp:fast:0'/>"), issued));
    CHECK_FALSE(has(say("<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>"), "<token "));
    CHECK(tokens.last_use.invalidates);
    CHECK(has(say("<fast xmlns='urn:xmpp:fast:0' invalidate='1'/>"
                  "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-512-NONE'/>"),
        issued));
    CHECK(tokens.heard.ends_with("issue HT-SHA-512-NONE to juliet, "));
}

TEST_CASE("whoever keeps tokens and cannot answer delays nobody's password")
{
    House house;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    tokens.is_unavailable = true;
    Client client(house);
    client.say(client_header);
    const std::string fast = "<fast xmlns='urn:xmpp:fast:0'/>";
    CHECK(client.say(token_login(fast)) == failure("temporary-auth-failure"));
    tokens.throws = true;
    CHECK(client.say(token_login(fast)) == failure("temporary-auth-failure"));
    const auto answer = client.say(plain("juliet",
        agent() + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"));
    CHECK(has(answer, "<success "));
    CHECK_FALSE(has(answer, "<token "));

    tokens.throws = tokens.is_unavailable = false;
    tokens.gate.emplace();
    Client waiting(house), other(house);
    waiting.say(client_header);
    other.say(client_header);
    CHECK(waiting.say(token_login(fast)).empty());
    CHECK(has(other.say(plain("romeo", bind_wish)), "<success "));
    tokens.gate->resolve(true);
    CHECK(has(waiting.hear(), "<success "));
}

TEST_CASE("a token goes with the password that was there before the client proved anything")
{
    const auto wish
        = agent() + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";
    House house;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    house.backend.marks["juliet"] = "first";
    SUBCASE("a proof that waits until the password was changed is worth nothing afterwards")
    {
        Client client(house);
        client.say(client_header);
        CHECK(has(
            scram(client, wish, [&] { house.backend.marks["juliet"] = "second"; }), "<success "));
        CHECK(tokens.last_mark == "first");
        Client again(house);
        again.say(client_header);
        CHECK(again.say(token_login()) == failure("credentials-expired"));
        // The same stream goes on with the password.
        CHECK(has(again.say(plain("juliet", wish)), "<success "));
        CHECK(tokens.last_mark == "second");
    }
    SUBCASE("by PLAIN it is the same")
    {
        Client client(house);
        client.say(client_header);
        house.backend.gate.emplace();
        CHECK(client.say(plain("juliet", wish)).empty());
        house.backend.marks["juliet"] = "second";
        house.backend.gate->resolve(true);
        CHECK(has(client.hear(), "<token "));
        CHECK(tokens.last_mark == "first");
    }
    SUBCASE("who comes with a certificate gets one, too")
    {
        house.backend.owners["Juliet"] = { "juliet" };
        Client client(house,
            { .certificate = ClientCertificate { .is_trusted = true, .common_name = "Juliet" } });
        client.say(client_header);
        CHECK(has(client.say(authenticate("EXTERNAL", {}, wish)), "<token "));
        CHECK(tokens.last_mark == "first");
    }
    SUBCASE("so does who has an account since now")
    {
        house.backend.first_comers["capulet"] = "pencil";
        house.backend.marks["capulet"] = "first";
        Client client(house);
        client.say(client_header);
        CHECK(has(client.say(plain("capulet", wish)), "<token "));
        CHECK(tokens.last_mark == "first");
    }
    SUBCASE("a token that is replaced hands its password's mark on")
    {
        tokens.last_mark = "first";
        tokens.is_due = true;
        Client client(house);
        client.say(client_header);
        CHECK(has(client.say(token_login()), "<token "));
        CHECK(tokens.last_mark == "first");
        CHECK(tokens.last_replaced == "one");
    }
    SUBCASE("nobody is asked for the mark of those who want no token")
    {
        house.backend.mark_failure = Error { "nobody should ask", Error::Kind::unavailable };
        Client client(house);
        client.say(client_header);
        CHECK(has(client.say(plain("juliet", agent())), "<success "));
        CHECK(tokens.heard.empty());
    }
}

TEST_CASE("who cannot be asked whether the password was changed is neither believed nor refused")
{
    House house;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    Client client(house);
    client.say(client_header);
    for (const auto& [kind, condition] :
        { std::pair { Error::Kind::unavailable, "temporary-auth-failure" },
            std::pair { Error::Kind::refused, "temporary-auth-failure" },
            std::pair { Error::Kind::disabled, "account-disabled" },
            std::pair { Error::Kind::expired, "credentials-expired" } }) {
        house.backend.mark_failure = Error { "the directory says so", kind };
        house.take_warnings();
        CHECK(client.say(token_login()) == failure(condition));
        // A verdict is nothing that an administrator has to look after.
        CHECK(house.take_warnings()
            == (std::string_view(condition) == "temporary-auth-failure"
                    ? "a token of juliet: the directory says so\n"
                    : ""));
    }
    CHECK(tokens.heard.find("use") == tokens.heard.npos);
    // Whoever has the password comes in, and gets no token.
    const auto answer = client.say(plain("juliet",
        agent() + "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"));
    CHECK(has(answer, "<success "));
    CHECK_FALSE(has(answer, "<token "));
    CHECK(tokens.heard.find("issue") == tokens.heard.npos);
}
