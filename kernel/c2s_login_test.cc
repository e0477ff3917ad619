#include "c2s_fixture.h"
#include "virtual_host.h"

#include <nuncio/crypto.h>
#include <nuncio/scram.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

namespace {

std::string sasl(std::string_view name, std::string_view data, std::string_view mechanism = {})
{
    std::string xml = "<" + std::string(name) + " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
    if (!mechanism.empty())
        xml.append(" mechanism='").append(mechanism).append("'");
    return xml + ">" + to_base64(data) + "</" + std::string(name) + ">";
}

std::string content(std::string_view xml)
{
    const auto begin = xml.find('>') + 1;
    return *from_base64(xml.substr(begin, xml.find('<', begin) - begin));
}

std::string plain_auth(std::string_view user, std::string_view password)
{
    return sasl(
        "auth", std::string(1, '\0') + std::string(user) + '\0' + std::string(password), "PLAIN");
}

constexpr std::string_view bind_request
    = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

}

TEST_CASE("SCRAM with channel binding lets a client in, through the whole stream")
{
    House house;
    Client client(house, { .exporter = "the exported key material" });
    const auto features = client.say(client_header);
    CHECK(has(features, "<mechanism>SCRAM-SHA-256-PLUS</mechanism>"));
    CHECK(has(features,
        "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>"
        "<channel-binding type='tls-exporter'/></sasl-channel-binding>"));

    const auto first = content(
        client.say(sasl("auth", "p=tls-exporter,,n=juliet,r=fyko", "SCRAM-SHA-256-PLUS")));
    CHECK(first.starts_with("r=fyko"));
    const auto nonce = first.substr(0, first.find(','));
    const auto open = "c=" + to_base64("p=tls-exporter,,the exported key material") + "," + nonce;
    constexpr auto hash = ScramHash::sha256;
    const auto salted = scram_salted_password("pencil", "0123456789abcdef", 4096, hash);
    auto key = scram_client_key(salted, hash);
    const auto message = "n=juliet,r=fyko," + first + "," + open;
    const auto signature = hmac(hash, digest(hash, key), message);
    for (std::size_t i = 0; i < key.size(); ++i)
        key[i] = static_cast<char>(key[i] ^ signature[i]);
    const auto end = client.say(sasl("response", open + ",p=" + to_base64(key)));
    CHECK(end.starts_with("<success "));
    CHECK(content(end) == "v=" + to_base64(hmac(hash, hmac(hash, salted, "Server Key"), message)));
    CHECK(has(client.say(client_header), "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
}

TEST_CASE("after success the stream begins anew and offers binding")
{
    House house;
    Client client(house);
    client.say(client_header);
    CHECK(client.authenticate("juliet") == "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    const auto answer = client.say(client_header);
    CHECK(has(answer,
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
        "</stream:features>"));
    CHECK_FALSE(has(answer, "mechanism"));
}

TEST_CASE("a client that does not wait for answers is served all the same, on whatever loop")
{
    for (const std::size_t loops : { 1, 2, 5 }) {
        House house({ .loops = loops });
        house.backend.gate.emplace();
        for (const char* user : { "juliet", "romeo", "nurse" }) {
            house.backend.gate.emplace();
            Client client(house);
            const auto everything = std::string(client_header) + plain_auth(user, "pencil")
                + std::string(client_header) + std::string(bind_request) + "<message id='m' to='"
                + user + "@capulet.lit/x'/>";
            client.say(everything);
            house.backend.gate->resolve(true);
            const auto answer = client.hear();
            CHECK(has(answer, "<success"));
            CHECK(has(answer, std::string("<jid>") + user + "@capulet.lit/"));
            CHECK(has(answer, "id='m'"));
        }
    }
}

TEST_CASE("a client that sends byte by byte is served all the same")
{
    House house({ .loops = 3 });
    Client client(house);
    const auto everything = std::string(client_header) + plain_auth("juliet", "pencil")
        + std::string(client_header) + std::string(bind_request);
    std::string answer;
    for (const char byte : everything)
        answer += client.say({ &byte, 1 });
    CHECK(has(answer, "<jid>juliet@capulet.lit/"));
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
        CHECK(client.log_in(user, "x") == std::string(user) + "@capulet.lit/x");
    }
    CHECK(wrong.empty());
}

TEST_CASE("wrong passwords and unknown users get the same answer")
{
    House house;
    Client client(house);
    client.say(client_header);
    const auto wrong = client.authenticate("juliet", "pencils");
    CHECK(wrong == client.authenticate("nobody", "pencil"));
    CHECK(wrong == "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
}

TEST_CASE("the last of the allowed attempts ends the stream when it fails")
{
    Limits limits;
    limits.auth_attempts = 3;
    House house({ .limits = limits });
    Client client(house);
    client.say(client_header);
    client.authenticate("juliet", "wrong");
    client.authenticate("juliet", "wrong");
    CHECK_FALSE(client.is_closed());
    const auto last = client.authenticate("juliet", "wrong");
    CHECK(last.starts_with("<failure "));
    CHECK(has(last, "<policy-violation "));
    CHECK(client.is_closed());

    Client second(house);
    second.say(client_header);
    second.authenticate("juliet", "wrong");
    second.say("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    CHECK(has(second.authenticate("juliet"), "<success"));
}

TEST_CASE("a client may try its mechanisms one after the other, but not for ever")
{
    Limits limits;
    limits.auth_attempts = 3;
    House house({ .limits = limits });
    const auto unusable = sasl("auth", "p=tls-unique,,n=juliet,r=x", "SCRAM-SHA-256");
    Client client(house);
    client.say(client_header);
    for (int i = 0; i < 11; ++i)
        CHECK(has(client.say(unusable), "<malformed-request/>"));
    CHECK(has(client.authenticate("juliet"), "<success"));
    Client stubborn(house);
    stubborn.say(client_header);
    for (int i = 0; i < 11; ++i)
        stubborn.say(unusable);
    CHECK_FALSE(stubborn.is_closed());
    CHECK(has(stubborn.say(unusable), "<policy-violation "));
}

TEST_CASE("a backend that cannot answer or fails is a temporary failure")
{
    House house;
    house.backend.is_unavailable = true;
    Client client(house);
    client.say(client_header);
    CHECK(has(client.authenticate("juliet"), "<temporary-auth-failure/>"));
    CHECK(has(
        client.say(sasl("auth", "n,,n=juliet,r=x", "SCRAM-SHA-1")), "<temporary-auth-failure/>"));
    house.backend.is_unavailable = false;
    CHECK(has(client.authenticate("juliet"), "<success"));
    house.backend.throws = true;
    Client other(house);
    other.say(client_header);
    CHECK(has(other.authenticate("juliet"), "<temporary-auth-failure/>"));
}

TEST_CASE("a stream may end while the backend is asked")
{
    House house;
    house.backend.gate.emplace();
    {
        Client client(house);
        client.say(client_header);
        CHECK(client.authenticate("juliet").empty());
        client.peer.hang_up();
        house.settle();
    }
    house.advance(61s); // while its peer's end is not read, only the time limit sees it
    CHECK(house.open_streams() == 0);
    house.backend.gate->resolve(true);
    house.settle();
    CHECK(house.open_streams() == 0);
}

TEST_CASE("who is authenticated stays on that host and under that name")
{
    House house;
    const auto with = [](std::string_view what, std::string_view by) {
        std::string header(client_header);
        return header.replace(header.find(what), what.size(), by);
    };
    Client elsewhere(house);
    elsewhere.say(client_header);
    elsewhere.authenticate("juliet");
    CHECK(has(elsewhere.say(with("capulet", "montague")), "<host-unknown "));

    Client other(house);
    other.say(client_header);
    other.authenticate("juliet");
    CHECK(has(other.say(with("to=", "from='romeo@capulet.lit' to=")), "<invalid-from "));

    Client same(house);
    same.say(client_header);
    same.authenticate("juliet");
    CHECK(has(same.say(with("to=", "from='juliet@capulet.lit' to=")), "<bind "));
}

TEST_CASE("plugins hear how each authentication ended")
{
    House house;
    std::string heard;
    house.on<AuthenticationEnded>([&](AuthenticationEnded& event) {
        heard.append(event.user).append(" ").append(event.mechanism);
        heard.append(event.succeeded ? " yes, " : " no, ");
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.authenticate("romeo", "wrong");
    client.authenticate("juliet");
    CHECK(heard == "romeo PLAIN no, juliet PLAIN yes, ");
}

TEST_CASE("a failure is announced with its condition, and whether a password was tried")
{
    House house;
    house.backend.refusals.insert({ "nurse", { "retired", Error::Kind::disabled } });
    std::string heard;
    house.on<AuthenticationEnded>([&](AuthenticationEnded& event) {
        heard.append(event.condition).append(event.was_guess ? " guess, " : ", ");
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.authenticate("romeo", "wrong");
    client.say(sasl("auth", "", "DIGEST-MD5"));
    CHECK(has(client.authenticate("nurse"), "<account-disabled/>"));
    client.authenticate("nurse", "wrong");
    client.authenticate("juliet");
    CHECK(heard
        == "not-authorized guess, invalid-mechanism, account-disabled, not-authorized guess, , ");
}

TEST_CASE("a backend that knows the right password may say that it is not good any more")
{
    House house;
    house.backend.refusals = { { "juliet", { "banished", Error::Kind::disabled } },
        { "romeo", { "change it first", Error::Kind::expired } },
        { "nurse", { "whoever thinks so", Error::Kind::refused } } };
    Client client(house);
    client.say(client_header);
    CHECK(has(client.authenticate("juliet"), "<account-disabled/>"));
    CHECK(has(client.authenticate("juliet", "wrong"), "<not-authorized/>"));
    CHECK(has(client.authenticate("romeo"), "<credentials-expired/>"));
    CHECK(has(client.authenticate("nurse"), "<temporary-auth-failure/>"));
}

namespace {

/// A verdict on everybody who proves who they are: at once, or when the gate opens.
struct Verdict {
    explicit Verdict(House& house)
    {
        house.on<AuthenticationProved>([this](AuthenticationProved& event) {
            asked.append(event.user).append(" ").append(event.mechanism).append(", ");
            if (answer)
                event.waits.push_back(*answer);
            return Flow::next;
        });
    }
    void answers(std::optional<Error> with)
    {
        answer.emplace();
        answer->resolve(std::move(with));
    }
    std::optional<Completion<std::optional<Error>>> answer {};
    std::string asked {};
};

}

TEST_CASE("plugins may refuse somebody who has proved who they are, and only then are asked")
{
    House house;
    Verdict verdict(house);
    Client client(house);
    client.say(client_header);
    CHECK(has(client.authenticate("juliet", "wrong"), "<not-authorized/>"));
    CHECK(verdict.asked.empty());
    using enum Error::Kind;
    for (const auto& [kind, condition] : { std::pair(disabled, "<account-disabled/>"),
             std::pair(expired, "<credentials-expired/>"), std::pair(refused, "<not-authorized/>"),
             std::pair(unavailable, "<temporary-auth-failure/>") }) {
        verdict.answers(Error { "no", kind });
        const std::string_view expected = condition; // clang 14 captures no binding
        CHECK(has(client.authenticate("juliet"), expected));
    }
    verdict.answers(std::nullopt);
    CHECK(has(client.authenticate("juliet"), "<success"));
    CHECK(
        verdict.asked == "juliet PLAIN, juliet PLAIN, juliet PLAIN, juliet PLAIN, juliet PLAIN, ");
}

TEST_CASE("plugins that look into a login have a bounded time for it")
{
    House house;
    const Duration time = house.server->settings().limits.answer_time;
    std::optional<Completion<std::optional<std::string>>> doubt;
    house.on<AuthenticationBeginning>([&doubt](AuthenticationBeginning& event) {
        if (doubt)
            event.waits.push_back(*doubt);
        return Flow::next;
    });
    Verdict verdict(house);
    Client client(house);
    client.say(client_header);

    verdict.answer.emplace();
    CHECK(client.authenticate("juliet").empty());
    house.advance(time);
    CHECK(has(client.hear(), "<temporary-auth-failure/>"));
    verdict.answer->resolve(std::nullopt); // too late
    CHECK(client.hear().empty());
    verdict.answer.reset();

    // A stream has a minute in all.
    doubt.emplace();
    Client doubted(house);
    doubted.say(client_header);
    CHECK(doubted.authenticate("juliet").empty());
    house.advance(time);
    CHECK(has(doubted.hear(), "<temporary-auth-failure/>"));
    doubt->resolve(std::nullopt);
    CHECK(doubted.hear().empty());

    // The last moment is not too late.
    Client other(house);
    other.say(client_header);
    doubt.emplace();
    CHECK(other.authenticate("juliet").empty());
    house.advance(time - 1ms);
    CHECK(other.hear().empty());
    doubt->resolve(std::nullopt);
    CHECK(has(other.hear(), "<success"));
}

TEST_CASE("SCRAM's proof is judged, too, before the server proves itself")
{
    House house;
    Verdict verdict(house);
    verdict.answers(Error { "no", Error::Kind::disabled });
    Client client(house);
    client.say(client_header);
    const auto log_in = [&] {
        const auto first = content(client.say(sasl("auth", "n,,n=juliet,r=fyko", "SCRAM-SHA-256")));
        const auto open = "c=biws," + first.substr(0, first.find(','));
        constexpr auto hash = ScramHash::sha256;
        auto key = scram_client_key(
            scram_salted_password("pencil", "0123456789abcdef", 4096, hash), hash);
        const auto signature
            = hmac(hash, digest(hash, key), "n=juliet,r=fyko," + first + "," + open);
        for (std::size_t i = 0; i < key.size(); ++i)
            key[i] = static_cast<char>(key[i] ^ signature[i]);
        return client.say(sasl("response", open + ",p=" + to_base64(key)));
    };
    CHECK(has(log_in(), "<account-disabled/>"));
    verdict.answers(std::nullopt);
    CHECK(content(log_in()).starts_with("v="));
}

TEST_CASE("nothing goes on before the verdict on a login has come")
{
    House house;
    Verdict verdict(house);
    verdict.answer.emplace();
    Client client(house);
    client.say(client_header);
    CHECK(client.say(plain_auth("juliet", "pencil") + std::string(client_header)).empty());
    verdict.answer->resolve(std::nullopt);
    const auto answer = client.hear();
    CHECK(answer.starts_with("<success"));
    CHECK(has(answer, "<bind "));

    // What is refused lets the client's next attempt through.
    verdict.answer.emplace();
    Client other(house);
    other.say(client_header);
    CHECK(other.say(plain_auth("juliet", "pencil") + plain_auth("romeo", "wrong")).empty());
    verdict.answer->resolve(Error { "no", Error::Kind::disabled });
    const auto refused = other.hear();
    CHECK(has(refused, "<account-disabled/>"));
    CHECK(has(refused, "<not-authorized/>"));
}

TEST_CASE("refusals by a verdict count against the attempts of a stream")
{
    Limits limits;
    limits.auth_attempts = 1;
    House house({ .limits = limits });
    Verdict verdict(house);
    verdict.answers(Error { "no", Error::Kind::disabled });
    Client client(house);
    client.say(client_header);
    for (int i = 0; i < 3; ++i)
        client.authenticate("juliet");
    CHECK_FALSE(client.is_closed());
    CHECK(has(client.authenticate("juliet"), "<policy-violation "));
}

TEST_CASE("a stream may end while the verdict on its login is awaited")
{
    House house;
    Verdict verdict(house);
    verdict.answer.emplace();
    {
        Client client(house);
        client.say(client_header);
        client.authenticate("juliet");
        client.peer.hang_up();
        house.settle();
    }
    house.advance(61s);
    CHECK(house.open_streams() == 0);
    verdict.answer->resolve(std::nullopt);
    house.settle();
    CHECK(house.open_streams() == 0);
}

namespace {

Client::Options with_certificate(std::string common_name)
{
    return { .certificate
        = ClientCertificate { .is_trusted = true, .common_name = std::move(common_name) } };
}

}

TEST_CASE("EXTERNAL is offered to a client whose certificate the backends know, and lets it in")
{
    House house;
    std::string heard;
    house.on<AuthenticationEnded>([&](AuthenticationEnded& event) {
        heard.append(event.mechanism).append(" ").append(event.user).append(" ");
        heard.append(event.condition).append(", ");
        return Flow::next;
    });
    house.backend.owners = { { "Juliet", { "juliet" } }, { "Twins", { "romeo", "nurse" } },
        { "Broken", { "Not prepared" } } };
    const auto external = [](std::string_view authzid) {
        return authzid.empty() ? std::string("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                                             "mechanism='EXTERNAL'>=</auth>")
                               : sasl("auth", authzid, "EXTERNAL");
    };
    Client juliet(house, with_certificate("Juliet"));
    CHECK(has(juliet.say(client_header), "<mechanism>EXTERNAL</mechanism>"));
    CHECK(juliet.say(external("")) == "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    juliet.say(client_header);
    CHECK(has(juliet.say(bind_request), "<jid>juliet@capulet.lit/"));

    Client twins(house, with_certificate("Twins"));
    twins.say(client_header);
    CHECK(has(twins.say(external("")), "<invalid-authzid/>"));
    CHECK(has(twins.say(external("juliet@capulet.lit")), "<invalid-authzid/>"));
    CHECK(has(twins.say(external("nurse@capulet.lit")), "<success"));

    for (auto stranger :
        { with_certificate("Stranger"), Client::Options {}, with_certificate("Broken") }) {
        Client client(house, stranger);
        CHECK_FALSE(has(client.say(client_header), "EXTERNAL"));
        CHECK(has(client.say(external("juliet@capulet.lit")), "<invalid-mechanism/>"));
        CHECK(has(client.authenticate("juliet"), "<success"));
    }
    CHECK(heard
        == "EXTERNAL juliet , EXTERNAL  invalid-authzid, EXTERNAL juliet invalid-authzid, EXTERNAL "
           "nurse ,   invalid-mechanism, PLAIN juliet ,   invalid-mechanism, PLAIN juliet ,   "
           "invalid-mechanism, PLAIN juliet , ");
}

TEST_CASE("a certificate of somebody who was switched off is offered EXTERNAL, and told why not")
{
    House house;
    house.backend.owners = { { "Juliet", { "juliet" } } };
    house.backend.refusals = { { "Juliet", { "banished", Error::Kind::disabled } } };
    Client client(house, with_certificate("Juliet"));
    CHECK(has(client.say(client_header), "EXTERNAL"));
    CHECK(has(client.say(sasl("auth", "juliet@capulet.lit", "EXTERNAL")), "<account-disabled/>"));
}

TEST_CASE("a client with a certificate waits for its features, and gets them when nobody answers")
{
    House house;
    house.backend.owners = { { "Juliet", { "juliet" } } };
    house.backend.gate.emplace();
    Client client(house, with_certificate("Juliet"));
    const auto everything = std::string(client_header) + plain_auth("juliet", "pencil");
    CHECK_FALSE(has(client.say(everything), "features"));
    house.backend.gate->resolve(true);
    const auto answer = client.hear();
    CHECK(has(answer, "<mechanism>EXTERNAL</mechanism>"));
    CHECK(answer.find("</stream:features>") < answer.find("<success"));

    house.backend.gate.reset();
    house.backend.is_unavailable = true;
    Client later(house, with_certificate("Juliet"));
    const auto features = later.say(client_header);
    CHECK(has(features, "<mechanism>PLAIN</mechanism>"));
    CHECK_FALSE(has(features, "EXTERNAL"));
}

TEST_CASE("somebody without a name is let in as whom the backend makes up")
{
    House house;
    std::string heard;
    house.on<AuthenticationEnded>([&](AuthenticationEnded& event) {
        heard.append(event.mechanism).append(" ").append(event.user).append(", ");
        return Flow::next;
    });
    const auto anonymous = [] { return sasl("auth", "", "ANONYMOUS"); };
    Client unable(house);
    CHECK_FALSE(has(unable.say(client_header), "ANONYMOUS"));
    CHECK(has(unable.say(anonymous()), "<invalid-mechanism/>"));

    house.backend.guest = "guest-1";
    Client client(house);
    CHECK(has(client.say(client_header), "<mechanism>ANONYMOUS</mechanism></mechanisms>"));
    CHECK(client.say(anonymous()) == "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.say(client_header);
    CHECK(has(client.say(bind_request), "<jid>guest-1@capulet.lit/"));

    house.backend.is_unavailable = true;
    Client full(house);
    full.say(client_header);
    CHECK(has(full.say(anonymous()), "<temporary-auth-failure/>"));
    house.backend.is_unavailable = false;
    house.backend.guest = "Not prepared";
    CHECK(has(full.say(anonymous()), "<temporary-auth-failure/>"));
    CHECK(heard == " , ANONYMOUS guest-1, ANONYMOUS , ANONYMOUS , ");
}

TEST_CASE("the administrator's choice of mechanisms is all that is offered")
{
    House house({ .mechanisms = { "SCRAM-SHA-256" } });
    Client client(house);
    CHECK(has(client.say(client_header),
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism>"
        "</mechanisms>"));
    CHECK(has(client.authenticate("juliet"), "<invalid-mechanism/>"));
}
