// XEP-0480: keys that clients bring, and what accounts are offered that have few.
#include "c2s_sasl2_fixture.h"
#include "session.h"
#include "virtual_host.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

namespace {

const std::string upgrade = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>";

std::string next(std::string_view task = "UPGR-SCRAM-SHA-256")
{
    return "<next xmlns='urn:xmpp:sasl:2' task='" + std::string(task) + "'/>";
}

std::string hash_of(std::string_view salted)
{
    return "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>"
        + to_base64(salted) + "</hash></task-data>";
}

struct UpgradeHouse : House {
    UpgradeHouse()
    {
        backend.takes_keys = true;
        backend.lacking = ScramHash::sha256;
    }
};

}

TEST_CASE("a client brings the keys that its account lacks")
{
    UpgradeHouse house;
    Client client(house);
    CHECK(has(client.say(client_header),
        "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade></authentication>"));
    const auto offered = scram(client, upgrade + std::string(bind_wish));
    CHECK(offered.starts_with("<continue xmlns='urn:xmpp:sasl:2'><additional-data>"));
    CHECK(has(offered, "<tasks><task>UPGR-SCRAM-SHA-256</task></tasks></continue>"));
    const auto task = client.say(next());
    CHECK(has(task,
        "<task-data xmlns='urn:xmpp:sasl:2'><salt xmlns='urn:xmpp:scram-upgrade:0' "
        "iterations='4096'>"));
    const auto salt = *from_base64(content(task, "salt"));
    CHECK(salt.size() == 16);
    const auto answer
        = client.say(hash_of(scram_salted_password("pencil", salt, 4096, ScramHash::sha256)));
    CHECK(has(answer, "<success "));
    CHECK_FALSE(has(answer, "<additional-data>")); // it went with <continue/>
    CHECK(has(answer, "<bound "));
    REQUIRE(house.backend.brought.contains("juliet"));
    CHECK(matches_scram_keys("pencil", house.backend.brought["juliet"].second, ScramHash::sha256));

    // Once they are there, the client comes in at once, with either mechanism.
    Client again(house);
    again.say(client_header);
    CHECK(has(scram(again, upgrade, {}, "SCRAM-SHA-256", ScramHash::sha256), "<success "));
}

TEST_CASE("a task that is not done as it should be lets nobody in")
{
    struct Case {
        std::vector<std::string> says;
        std::string answer;
    };
    const Case cases[] = {
        { { "<abort xmlns='urn:xmpp:sasl:2'/>" }, failure("aborted") },
        { { next(), "<abort xmlns='urn:xmpp:sasl:2'/>" }, failure("aborted") },
        { { next("UPGR-SCRAM-SHA-512") }, "<malformed-request " },
        { { next("") }, "<malformed-request " },
        { { hash_of(std::string(32, 'x')) }, "<malformed-request " },
        { { next(), next() }, "<malformed-request " },
        { { next(), hash_of(std::string(31, 'x')) }, "<malformed-request " },
        { { next(), hash_of(std::string(33, 'x')) }, "<malformed-request " },
        { { next(), hash_of("") }, "<malformed-request " },
        { { next(), "<task-data xmlns='urn:xmpp:sasl:2'/>" }, "<malformed-request " },
        { { next(), response("x") }, "<malformed-request " },
        { { plain("juliet") }, "<policy-violation " },
        { { next(), plain("juliet") }, "<policy-violation " },
        { { "<presence/>" }, "<policy-violation " },
    };
    for (const Case& one : cases) {
        UpgradeHouse house;
        bool was_bound = false;
        house.on<SessionOpened>([&](SessionOpened&) {
            was_bound = true;
            return Flow::next;
        });
        Client client(house);
        client.say(client_header);
        CHECK(has(client.say(plain("juliet", upgrade + std::string(bind_wish))), "<continue "));
        std::string answer;
        for (const std::string& said : one.says)
            answer = client.say(said);
        CAPTURE(answer);
        CHECK(has(answer, one.answer));
        CHECK_FALSE(was_bound);
        CHECK(house.backend.brought.empty());
        if (has(one.answer, "policy-violation"))
            CHECK(client.is_closed());
        else
            CHECK(has(client.say(plain("juliet", bind_wish)), "<success "));
    }
}

TEST_CASE("no task is asked for that brings nothing, or that the server does not know")
{
    UpgradeHouse house;
    const auto at_once = [&](const std::string& request) {
        Client client(house);
        client.say(client_header);
        return has(client.say(request), "<success ");
    };
    CHECK(at_once(plain("juliet",
        "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>"
        "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-BLOOP-42</upgrade>")));
    house.backend.lacking.reset();
    CHECK(at_once(plain("juliet", upgrade)));
    house.backend.lacking = ScramHash::sha256;
    house.backend.takes_keys = false;
    CHECK(at_once(plain("juliet", upgrade)));
    Client client(house);
    CHECK_FALSE(has(client.say(client_header), "urn:xmpp:sasl:upgrade:0"));
    // Who comes with a token need not know the password.
    house.backend.takes_keys = true;
    TestTokens tokens;
    house.provide<LoginTokens>(tokens);
    CHECK(at_once(token_login("<fast xmlns='urn:xmpp:fast:0'/>" + upgrade)));
}

TEST_CASE("keys that cannot be kept keep nobody out")
{
    UpgradeHouse house;
    house.backend.loses_keys = true;
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", upgrade + std::string(bind_wish)));
    client.say(next());
    CHECK(has(client.say(hash_of(std::string(32, 'x'))), "<bound "));
}

TEST_CASE("an account is offered the mechanisms that it has keys for")
{
    UpgradeHouse house;
    const auto offered_to = [&](std::string_view from) {
        Client client(house);
        return client.say(from.empty() ? std::string(client_header) : header_from(from));
    };
    const std::string both
        = "<mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism>";
    CHECK(has(offered_to(""), both));
    CHECK(has(offered_to("nobody@capulet.lit"), both));
    const auto narrowed = offered_to("juliet@capulet.lit");
    CHECK_FALSE(has(narrowed, "<mechanism>SCRAM-SHA-256</mechanism>"));
    CHECK(has(narrowed, "<mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>"));
    CHECK(has(narrowed, "UPGR-SCRAM-SHA-256"));
    house.backend.is_unavailable = true;
    CHECK(has(offered_to("juliet@capulet.lit"), both));
    house.backend.is_unavailable = false;
    house.backend.brought["juliet"]
        = { ScramHash::sha256, make_scram_keys("pencil", "salt", 4096, ScramHash::sha256) };
    CHECK(has(offered_to("juliet@capulet.lit"), both));
}
