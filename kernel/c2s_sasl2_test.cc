#include "c2s_fixture.h"
#include "session.h"
#include "virtual_host.h"

#include <nuncio/crypto.h>
#include <nuncio/login_tokens.h>
#include <nuncio/scram.h>

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;
using namespace std::string_literals;

namespace {

constexpr std::string_view client_id = "d4565fa7-4d72-4749-b3d3-740edbf87770";
constexpr std::string_view bind_wish = "<bind xmlns='urn:xmpp:bind:0'><tag>Gajim</tag></bind>";

std::string agent(std::string_view id = client_id)
{
    return "<user-agent id='" + std::string(id) + "'><software>Gajim</software></user-agent>";
}

std::string authenticate(
    std::string_view mechanism, std::string_view message, std::string_view beside = {})
{
    return "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + std::string(mechanism)
        + "'><initial-response>" + to_base64(message) + "</initial-response>" + std::string(beside)
        + "</authenticate>";
}

std::string plain(
    std::string_view user, std::string_view beside = {}, std::string_view password = "pencil")
{
    return authenticate("PLAIN", "\0"s + std::string(user) + "\0"s + std::string(password), beside);
}

std::string response(std::string_view message)
{
    return "<response xmlns='urn:xmpp:sasl:2'>" + to_base64(message) + "</response>";
}

/// What stands between `<name …>` and `</name>`.
std::string content(std::string_view xml, std::string_view name)
{
    const auto tag = xml.find("<" + std::string(name));
    if (tag == xml.npos)
        return "no " + std::string(name);
    const auto begin = xml.find('>', tag) + 1;
    return std::string(xml.substr(begin, xml.find("</" + std::string(name) + ">", tag) - begin));
}

std::string identity(std::string_view xml)
{
    return content(xml, "authorization-identifier");
}

std::string failure(std::string_view condition, std::string_view text = {})
{
    std::string xml = "<failure xmlns='urn:xmpp:sasl:2'><" + std::string(condition)
        + " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    if (!text.empty())
        xml.append("<text xml:lang='en'>").append(text).append("</text>");
    return xml + "</failure>";
}

std::string header_from(std::string_view from)
{
    std::string header(client_header);
    return header.insert(header.find(" to="), " from='" + std::string(from) + "'");
}

/// The client's side of SCRAM-SHA-256 without channel binding; answers what the server says last.
std::string scram(Client& client, std::string_view beside = {},
    std::string_view mechanism = "SCRAM-SHA-1", ScramHash hash = ScramHash::sha1)
{
    const auto challenge = client.say(authenticate(mechanism, "n,,n=juliet,r=fyko", beside));
    const auto first = *from_base64(content(challenge, "challenge"));
    const auto open = "c=biws," + first.substr(0, first.find(','));
    const auto salt = first.substr(first.find(",s=") + 3);
    const auto salted
        = scram_salted_password("pencil", *from_base64(salt.substr(0, salt.find(','))), 4096, hash);
    auto key = scram_client_key(salted, hash);
    const auto signature = hmac(hash, digest(hash, key), "n=juliet,r=fyko," + first + "," + open);
    for (std::size_t i = 0; i < key.size(); ++i)
        key[i] = static_cast<char>(key[i] ^ signature[i]);
    return client.say(response(open + ",p=" + to_base64(key)));
}

/// Keeps one token for juliet's client.
class TestTokens final : public LoginTokens {
public:
    std::string mechanism = "HT-SHA-256-NONE";
    bool is_expired = false;
    bool is_due = false;
    bool is_unavailable = false;
    bool throws = false;
    std::optional<Completion<bool>> gate {};
    std::string heard; ///< what was asked
    LoginTokenUse last_use;

    task<Result<std::vector<LoginToken>>> find(LoginClient client, std::string wanted) override
    {
        heard += "find " + client.user + ", ";
        if (gate)
            co_await *gate;
        if (throws)
            throw std::runtime_error("out of order");
        if (is_unavailable)
            co_return Error { "the disk does not answer", Error::Kind::unavailable };
        std::vector<LoginToken> tokens;
        if (client.user == "juliet" && client.id == client_id && wanted == mechanism)
            tokens = { { "other", "another secret" }, { "one", "secret", is_expired } };
        co_return tokens;
    }
    task<Result<bool>> use(LoginClient client, std::string id, LoginTokenUse use) override
    {
        heard += "use " + id + " of " + client.software + ", ";
        last_use = use;
        if (gate)
            co_await *gate;
        if (use.count == 1u)
            co_return Error { "counted before", Error::Kind::refused };
        co_return is_due;
    }
    task<Result<IssuedToken>> issue(LoginClient client, std::string wanted) override
    {
        heard += "issue " + wanted + " to " + client.user + ", ";
        if (gate)
            co_await *gate;
        if (is_unavailable)
            co_return Error { "the disk does not answer", Error::Kind::unavailable };
        co_return IssuedToken { "new secret", WallTime(std::chrono::milliseconds(86400'000)) };
    }
};

std::string token_login(std::string_view fast = "<fast xmlns='urn:xmpp:fast:0'/>",
    std::string_view secret = "secret", std::string_view mechanism = "HT-SHA-256-NONE",
    std::string_view binding = {}, std::string_view user = "juliet")
{
    const auto proof = hmac(Hash::sha256, secret, "Initiator" + std::string(binding));
    return authenticate(mechanism, std::string(user) + "\0"s + proof, agent() + std::string(fast));
}

constexpr std::string_view issued
    = "<token xmlns='urn:xmpp:fast:0' expiry='1970-01-02T00:00:00Z' token='new secret'/>";

}

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

TEST_CASE("a user agent's id is a UUID, and a tag fits into a resource")
{
    House house;
    Client client(house);
    client.say(client_header);
    const auto tagged = [](std::string_view tag) {
        return "<bind xmlns='urn:xmpp:bind:0'><tag>" + std::string(tag) + "</tag></bind>";
    };
    for (const std::string_view bad : { "", "d4565fa7", "d4565fa7-4d72-4749-b3d3-740edbf8777",
             "g4565fa7-4d72-4749-b3d3-740edbf87770", "d4565fa7-4d72-4749-b3d3-740edbf877700",
             "d4565fa704d72-4749-b3d3-740edbf87770" }) {
        Client mistaken(house);
        mistaken.say(client_header);
        CHECK(mistaken.say(plain("juliet", agent(bad)))
            == failure("malformed-request", "the id of a user agent must be a UUID"));
    }
    const auto longest = house.server->settings().limits.resource_bytes - 17;
    CHECK(client.say(plain("juliet", tagged(std::string(longest + 1, 'x'))))
        == failure("malformed-request", "the tag is too long"));
    CHECK(has(client.say(plain("juliet", tagged("a&#x7;"))), "<not-well-formed "));
    Client spaced(house);
    spaced.say(client_header);
    CHECK(spaced.say(plain("juliet", tagged("\xe2\x80\xa8")))
        == failure("malformed-request", "the tag cannot be part of a resource"));
    const auto answer = spaced.say(plain("juliet", tagged(std::string(longest, 'x'))));
    CHECK(identity(answer).starts_with("juliet@capulet.lit/xxx"));
}

TEST_CASE("a client gets the same resource each time, which does not tell its id")
{
    House house({ .loops = 2 });
    const auto bound_as = [&](std::string_view user, const std::string& beside) {
        Client client(house);
        client.say(client_header);
        return identity(client.say(plain(user, beside + std::string(bind_wish))));
    };
    const auto jid = bound_as("juliet", agent());
    CHECK(bound_as("juliet", agent("D4565FA7-4d72-4749-b3d3-740edbf87770")) == jid);
    CHECK_FALSE(has(jid, "d4565fa7"));
    CHECK(bound_as("romeo", agent()).substr(24) != jid.substr(25));
    CHECK(bound_as("juliet", agent("d4565fa7-4d72-4749-b3d3-740edbf87771")) != jid);
    const auto made_up = bound_as("juliet", {});
    CHECK(made_up.size() == jid.size());
    CHECK(bound_as("juliet", {}) != made_up);
    Client untagged(house);
    untagged.say(client_header);
    CHECK(identity(untagged.say(plain("juliet", agent() + "<bind xmlns='urn:xmpp:bind:0'/>")))
        == "juliet@capulet.lit/" + jid.substr(jid.rfind('/') + 1));
}

TEST_CASE("a client that comes again ends its former session, and nobody else's")
{
    House house;
    Client bystander(house), former(house), renamed(house), again(house);
    for (Client* client : { &bystander, &former, &renamed, &again })
        client->say(client_header);
    bystander.say(
        plain("juliet", agent("d4565fa7-4d72-4749-b3d3-740edbf87771") + std::string(bind_wish)));
    const auto jid = identity(former.say(plain("juliet", agent() + std::string(bind_wish))));
    renamed.say(plain("juliet", agent() + "<bind xmlns='urn:xmpp:bind:0'><tag>New</tag></bind>"));
    CHECK(has(former.hear(), "<conflict "));
    CHECK(former.is_closed());
    CHECK_FALSE(renamed.is_closed());
    CHECK(identity(again.say(plain("juliet", agent() + std::string(bind_wish)))) == jid);
    CHECK(has(renamed.hear(), "<conflict "));
    CHECK(bystander.hear().empty());
    CHECK_FALSE(bystander.is_closed());
}

TEST_CASE("an account that has all its sessions is logged in without one more")
{
    Limits limits;
    limits.sessions_per_account = 1;
    House house({ .limits = limits });
    Client first(house), second(house);
    CHECK(first.log_in("juliet", "x") == "juliet@capulet.lit/x");
    second.say(client_header);
    const auto answer = second.say(plain("juliet", bind_wish));
    CHECK(identity(answer) == "juliet@capulet.lit");
    CHECK(has(answer, "<failed xmlns='urn:xmpp:bind:0'><resource-constraint "));
    CHECK(has(answer, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
    CHECK(has(second.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                         "</iq>"),
        "<resource-constraint "));
}

TEST_CASE("plugins offer what a session may have enabled, hear the wish, and answer it")
{
    House house({ .loops = 2 });
    const Completion<std::optional<Element>> metadata, nothing;
    std::string order;
    house.on<BindFeatures>([](BindFeatures& event) {
        event.features.push_back("urn:xmpp:carbons:2");
        event.features.push_back("urn:xmpp:csi:0");
        return Flow::next;
    });
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        CHECK(Loop::current() == &event.account.host().home(event.account.jid()));
        order += "binding, ";
        event.answers.push_back(nothing);
        event.answers.push_back(metadata);
        return Flow::next;
    });
    house.on<ResourceBound>([&](ResourceBound& event) {
        order += event.request.child("enable", "urn:xmpp:carbons:2") ? "carbons, " : "no carbons, ";
        CHECK(event.session.account().sessions().size() == 1);
        event.bound.add("enabled", "urn:xmpp:sm:3");
        return Flow::next;
    });
    house.on<SessionOpened>([&](SessionOpened& event) {
        if (event.session.jid().local() == "romeo")
            return Flow::next;
        order += "opened";
        Stanza greeting(Stanza::Kind::message, Stanza::Type::chat);
        greeting.set_from(event.session.host().jid()).set_id("greeting");
        event.session.send(greeting);
        return Flow::next;
    });
    Client client(house);
    CHECK(has(client.say(client_header),
        "<inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/>"
        "<feature var='urn:xmpp:csi:0'/></inline></bind></inline>"));
    CHECK(client
              .say(plain("juliet",
                  "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/></bind>"))
              .empty());
    // What arrives meanwhile is neither lost nor before the success.
    Client romeo(house);
    romeo.log_in("romeo", "x");
    romeo.say("<message id='late' type='headline' to='juliet@capulet.lit'/>");
    metadata.resolve(Element("metadata", "urn:xmpp:mam:2"));
    nothing.resolve(std::nullopt);
    const auto answer = client.hear();
    CHECK(order == "binding, carbons, opened");
    CHECK(answer.starts_with("<success "));
    CHECK(has(answer,
        "<bound xmlns='urn:xmpp:bind:0'><metadata xmlns='urn:xmpp:mam:2'/>"
        "<enabled xmlns='urn:xmpp:sm:3'/></bound></success><stream:features>"));
    CHECK(answer.find("id='greeting'") > answer.find("</stream:features>"));
}

TEST_CASE("a message that comes while a bind waits is delivered to the session")
{
    House house;
    std::optional<Completion<std::optional<Element>>> metadata;
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        if (metadata)
            event.answers.push_back(*metadata);
        return Flow::next;
    });
    Client romeo(house), former(house), client(house);
    romeo.log_in("romeo", "x");
    former.say(client_header);
    const auto jid = identity(former.say(plain("juliet", agent() + std::string(bind_wish))));
    former.say("</stream:stream>");
    metadata.emplace();
    client.say(client_header);
    CHECK(client.say(plain("juliet", agent() + std::string(bind_wish))).empty());
    romeo.say("<message id='m' to='" + jid + "'><body>soft!</body></message>");
    metadata->resolve(std::nullopt);
    const auto answer = client.hear();
    CHECK(identity(answer) == jid);
    CHECK(answer.find("soft!") != answer.npos);
    CHECK(answer.find("soft!") > answer.find("</stream:features>"));
    CHECK(romeo.hear().empty());
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

TEST_CASE("a stream may end while its login waits for somebody")
{
    for (const bool at_bind : { false, true }) {
        House house({ .loops = 2, .limits = { .answer_time = 10min } });
        const Completion<std::optional<Element>> metadata;
        house.on<ResourceBinding>([&](ResourceBinding& event) {
            event.answers.push_back(metadata);
            return Flow::next;
        });
        int opened = 0;
        house.on<SessionOpened>([&](SessionOpened&) {
            ++opened;
            return Flow::next;
        });
        if (!at_bind)
            house.backend.gate.emplace();
        {
            Client client(house);
            client.say(client_header);
            CHECK(client.say(plain("juliet", bind_wish)).empty());
            client.peer.hang_up();
            house.settle();
        }
        house.advance(61s);
        CHECK(house.open_streams() == 0);
        if (!at_bind)
            house.backend.gate->resolve(true);
        else
            metadata.resolve(std::nullopt);
        house.settle();
        CHECK(opened == 0);
        CHECK(house.open_streams() == 0);
    }
}

TEST_CASE("a bind that takes too long meets the time limit")
{
    House house({ .limits = { .answer_time = 10min } });
    const Completion<std::optional<Element>> metadata;
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        event.answers.push_back(metadata);
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", bind_wish));
    house.advance(61s);
    CHECK(has(client.hear(), "<connection-timeout "));
    metadata.resolve(std::nullopt);
    CHECK(client.hear().empty());
    CHECK(client.is_closed());
}

TEST_CASE(
    "who logs in does not wait for a plugin that does not say what it has for the new session")
{
    House house;
    const Completion<std::optional<Element>> never, late;
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        event.answers = { never, late };
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", bind_wish));
    late.resolve(Element("extra", "urn:test"));
    house.advance(house.server->settings().limits.answer_time);
    const std::string heard = client.hear();
    CHECK(has(heard, "<bound "));
    CHECK(has(heard, "<extra ")); // it had come in time
    CHECK_FALSE(client.is_closed());
    never.resolve(std::nullopt);
    CHECK(client.hear().empty());
}

// ---- XEP-0484 ----

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

// ---- XEP-0480 ----

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
    CHECK(has(scram(again, upgrade, "SCRAM-SHA-256", ScramHash::sha256), "<success "));
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
