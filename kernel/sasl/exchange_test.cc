#include "exchange.h"
#include "scram.h"
#include "scram_message.h"

#include <nuncio/crypto.h>
#include <nuncio/ns.h>
#include <nuncio/scram.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel::sasl;

namespace {

constexpr AuthAbilities everything {
    .check_password = true, .scram_sha1 = true, .scram_sha256 = true, .scram_sha512 = true
};

/// The client's side of SCRAM, written down independently of the server's.
struct ScramClient {
    std::string user = "juliet";
    std::string password = "pencil";
    std::string gs2 = "n,,";
    std::string binding_data {};
    ScramHash hash = ScramHash::sha256;
    std::string nonce = "abcdef";
    std::string server_first {};

    std::string bare() const { return "n=" + user + ",r=" + nonce; }
    std::string first() const { return gs2 + bare(); }
    std::string field(char key) const
    {
        const auto at = (',' + server_first).find(std::string(",") + key + "=");
        const auto value = server_first.substr(at + 2);
        return value.substr(0, value.find(','));
    }
    std::string without_proof() const
    {
        return "c=" + to_base64(gs2 + binding_data) + ",r=" + field('r');
    }
    std::string salted() const
    {
        return scram_salted_password(password, *from_base64(field('s')),
            static_cast<std::uint32_t>(std::stoul(field('i'))), hash);
    }
    std::string final(std::string_view extension = {}) const
    {
        const auto open = without_proof() + std::string(extension);
        auto key = scram_client_key(salted(), hash);
        const auto signature
            = hmac(hash, digest(hash, key), bare() + "," + server_first + "," + open);
        for (std::size_t i = 0; i < key.size(); ++i)
            key[i] = static_cast<char>(key[i] ^ signature[i]);
        return open + ",p=" + to_base64(key);
    }
    std::string expected_success() const
    {
        return "v="
            + to_base64(hmac(hash, hmac(hash, salted(), "Server Key"),
                bare() + "," + server_first + "," + without_proof()));
    }
};

/// A TLS session with these bindings; an empty one is not available.
ChannelBindings bindings_of(std::string exporter, std::string end_point)
{
    const bool has_exporter = !exporter.empty();
    const bool has_end_point = !end_point.empty();
    return { has_exporter, has_end_point,
        [exporter = std::move(exporter), end_point = std::move(end_point)](std::string_view type) {
            return type == ChannelBindings::exporter_name ? exporter : end_point;
        } };
}

struct Fixture {
    DecoyKeys decoys { "secret" };
    ChannelBindings bindings {};
    bool is_encrypted = true;
    std::vector<std::string> allowed {};
    AuthAbilities abilities = everything;
    bool plain_without_tls = false;
    bool has_certificate = false;

    Exchange exchange() const
    {
        return Exchange({ "capulet.lit",
            Offer({ abilities, allowed, is_encrypted, plain_without_tls, bindings.any(),
                has_certificate }),
            bindings, decoys, is_encrypted });
    }
};

std::string encoded(std::string_view message)
{
    return message.empty() ? "=" : to_base64(message);
}

Step auth(Exchange& exchange, std::string_view mechanism, std::string_view message)
{
    Element element("auth", ns_sasl);
    element.attr("mechanism", mechanism).text(encoded(message));
    return exchange.handle(element);
}

Step response(Exchange& exchange, std::string_view message)
{
    Element element("response", ns_sasl);
    element.text(encoded(message));
    return exchange.handle(element);
}

ScramKeys keys_of(const ScramClient& client, std::string_view password = "pencil")
{
    return make_scram_keys(password, "0123456789abcdef", 4096, client.hash);
}

/// Runs up to the final step with the keys of `client.password`'s right value.
Step run(Exchange& exchange, ScramClient& client, std::string_view mechanism,
    std::optional<ScramKeys> keys)
{
    Step step = auth(exchange, mechanism, client.first());
    if (step.kind != Step::Kind::ask_keys)
        return step;
    step = exchange.resume({ .keys = std::move(keys) });
    if (step.kind != Step::Kind::challenge)
        return step;
    client.server_first = step.data;
    return response(exchange, client.final());
}

bool failed(const Step& step, Failure with)
{
    CAPTURE(std::string(step.text));
    return step.kind == Step::Kind::failure && step.failure == with;
}

}

TEST_CASE("the SCRAM exchange of RFC 5802 §5 comes out byte by byte")
{
    const DecoyKeys decoys("secret");
    const ChannelBindings bindings;
    Scram scram({ "example.org", bindings, decoys }, ScramHash::sha1, Scram::Plus::no,
        "3rfcNHYJY1ZVvWVs7j");
    CHECK(scram.respond("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL").kind == Step::Kind::ask_keys);
    CHECK(scram.user() == "user");
    const auto challenge = scram.resume({ .keys
        = make_scram_keys("pencil", *from_base64("QSXCR+Q6sek8bf92"), 4096, ScramHash::sha1) });
    CHECK(
        challenge.data == "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
    const auto end = scram.respond("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
                                   "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    CHECK(end.kind == Step::Kind::success);
    CHECK(end.data == "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

TEST_CASE("the SCRAM exchange of RFC 7677 §3 comes out byte by byte")
{
    const DecoyKeys decoys("secret");
    const ChannelBindings bindings;
    Scram scram({ "example.org", bindings, decoys }, ScramHash::sha256, Scram::Plus::no,
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    CHECK(scram.respond("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").kind == Step::Kind::ask_keys);
    scram.resume({ .keys = make_scram_keys("pencil", *from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096,
                       ScramHash::sha256) });
    const auto end = scram.respond("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                   "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK(end.data == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_CASE("every SCRAM mechanism lets the right password in and no other")
{
    Fixture fixture;
    fixture.bindings = bindings_of("exporter-data", "end-point-data");
    for (const MechanismInfo& info : mechanisms()) {
        if (info.kind != MechanismInfo::Kind::scram && info.kind != MechanismInfo::Kind::scram_plus)
            continue;
        CAPTURE(std::string(info.name));
        ScramClient client { .hash = info.hash };
        if (info.kind == MechanismInfo::Kind::scram_plus) {
            client.gs2 = "p=tls-exporter,,";
            client.binding_data = "exporter-data";
        }
        auto right = fixture.exchange();
        const auto step = run(right, client, info.name, keys_of(client));
        CHECK(step.kind == Step::Kind::success);
        CHECK(step.data == client.expected_success());
        CHECK(right.user() == "juliet");

        auto wrong = fixture.exchange();
        CHECK(failed(
            run(wrong, client, info.name, keys_of(client, "pencils")), Failure::not_authorized));
        CHECK(wrong.failures() == 1);
        CHECK(wrong.guesses() == 1);
    }
}

TEST_CASE(
    "an unknown user meets the same salt and iterations every time, and is refused at the end")
{
    Fixture fixture;
    ScramClient client { .user = "nobody" };
    auto first = fixture.exchange();
    CHECK(failed(run(first, client, "SCRAM-SHA-256", {}), Failure::not_authorized));
    const auto salt = client.field('s');
    const auto iterations = client.field('i');
    auto second = fixture.exchange();
    CHECK(failed(run(second, client, "SCRAM-SHA-256", {}), Failure::not_authorized));
    CHECK(client.field('s') == salt);
    CHECK(client.field('i') == iterations);
    CHECK(from_base64(salt)->size() == 16);

    ScramClient other { .user = "no-one" };
    auto third = fixture.exchange();
    run(third, other, "SCRAM-SHA-256", {});
    CHECK(other.field('s') != salt);
}

TEST_CASE("decoys take after the keys of real users")
{
    Fixture fixture;
    ScramClient real;
    auto first = fixture.exchange();
    run(first, real, "SCRAM-SHA-256", make_scram_keys("pencil", "twelve-bytes", 5000, real.hash));
    ScramClient unknown { .user = "nobody" };
    auto second = fixture.exchange();
    run(second, unknown, "SCRAM-SHA-256", {});
    CHECK(unknown.field('i') == "5000");
    CHECK(from_base64(unknown.field('s'))->size() == 12);
}

TEST_CASE("a name that no account can have goes the way of an unknown user")
{
    Fixture fixture;
    ScramClient client { .user = "a@b" };
    auto exchange = fixture.exchange();
    CHECK(auth(exchange, "SCRAM-SHA-256", client.first()).kind == Step::Kind::ask_keys);
    CHECK(exchange.user().empty());
    // Even if a backend answered with keys for the empty name, nobody gets in.
    const auto step = exchange.resume({ .keys = keys_of(client) });
    client.server_first = step.data;
    CHECK(failed(response(exchange, client.final()), Failure::not_authorized));
}

TEST_CASE("user names are prepared, and escaped as RFC 5802 says")
{
    Fixture fixture;
    ScramClient client { .user = "JULIET" };
    auto exchange = fixture.exchange();
    CHECK(run(exchange, client, "SCRAM-SHA-256", keys_of(client)).kind == Step::Kind::success);
    CHECK(exchange.user() == "juliet");

    CHECK(unescape_saslname("a=2Cb=3Dc") == std::string("a,b=c"));
    for (const char* wrong : { "", "=", "=2", "=2c", "=3d", "a=b", "a,b", "a=2" }) {
        CAPTURE(std::string(wrong));
        CHECK_FALSE(unescape_saslname(wrong).has_value());
    }
}

TEST_CASE("client-first messages that the grammar does not allow are malformed")
{
    Fixture fixture;
    fixture.bindings = bindings_of("exporter-data", "");
    for (const char* wrong :
        { "", "n", "n,", "n,,", "n,,n=juliet", "n,,n=juliet,r=", "n,,n=,r=abc", "x,,n=juliet,r=abc",
            "n,b=x,n=juliet,r=abc", "n,a=,n=juliet,r=abc", "n,,m=x,n=juliet,r=abc",
            "n,,r=abc,n=juliet", "n,,n=juliet,r=a\x7f", "n,,n=juliet,r=abc,", "n,,n=juliet,r=abc,x",
            "n,,n=juliet,r=abc,m=x", "n,,n=juliet,r=a c", "p=,,n=juliet,r=abc",
            "p=tls-exporter,,n=juliet,r=abc", "n,,n=ju=2Fliet,r=abc" }) {
        CAPTURE(std::string(wrong));
        auto exchange = fixture.exchange();
        CHECK(failed(auth(exchange, "SCRAM-SHA-256", wrong), Failure::malformed_request));
    }
    auto nul = fixture.exchange();
    CHECK(failed(auth(nul, "SCRAM-SHA-256", std::string_view("n,,n=a\0b,r=abc", 14)),
        Failure::malformed_request));
    auto optional = fixture.exchange();
    CHECK(auth(optional, "SCRAM-SHA-256", "n,,n=juliet,r=abc,x=y").kind == Step::Kind::ask_keys);
}

TEST_CASE("client-final messages that the grammar does not allow are malformed")
{
    Fixture fixture;
    ScramClient client;
    const auto reaction = [&](auto change) {
        auto exchange = fixture.exchange();
        auth(exchange, "SCRAM-SHA-256", client.first());
        client.server_first = exchange.resume({ .keys = keys_of(client) }).data;
        return response(exchange, change(client.final()));
    };
    using Text = std::string;
    const auto replace = [](Text text, std::string_view what, std::string_view with) {
        return text.replace(text.find(what), what.size(), with);
    };
    CHECK(reaction([](Text text) { return text; }).kind == Step::Kind::success);
    using enum Failure;
    CHECK(failed(reaction([](Text) { return Text(); }), malformed_request));
    CHECK(failed(
        reaction([](Text text) { return text.substr(0, text.find(",p=")); }), malformed_request));
    CHECK(failed(reaction([](Text text) { return text + ","; }), malformed_request));
    CHECK(failed(reaction([](Text text) { return text + ",x=y"; }), malformed_request));
    CHECK(failed(
        reaction([&](Text text) { return replace(text, ",p=", ",m=x,p="); }), malformed_request));
    CHECK(failed(reaction([&](Text text) { return replace(text, "c=biws", "c=bi ws"); }),
        malformed_request));
    CHECK(failed(reaction([&](Text text) { return replace(text, "r=abcdef", "r=abcdeg"); }),
        malformed_request));
    CHECK(failed(reaction([](Text text) { return text.substr(0, text.find(",p=")) + ",p=AAAA"; }),
        malformed_request));
    // eSws is "y,,": a header other than the one the client began with.
    CHECK(failed(
        reaction([&](Text text) { return replace(text, "c=biws", "c=eSws"); }), not_authorized));
    // An extension is allowed, but it is part of what was signed.
    CHECK(failed(
        reaction([&](Text text) { return replace(text, ",p=", ",x=y,p="); }), not_authorized));
    CHECK(reaction([&](Text) { return client.final(",x=y"); }).kind == Step::Kind::success);
}

TEST_CASE("channel binding: only the data of this TLS session opens the door")
{
    Fixture fixture;
    fixture.bindings = bindings_of("exporter-data", "end-point-data");
    const auto reaction = [&](std::string gs2, std::string data) {
        ScramClient client { .gs2 = std::move(gs2), .binding_data = std::move(data) };
        auto exchange = fixture.exchange();
        return run(exchange, client, "SCRAM-SHA-256-PLUS", keys_of(client));
    };
    CHECK(reaction("p=tls-exporter,,", "exporter-data").kind == Step::Kind::success);
    CHECK(reaction("p=tls-server-end-point,,", "end-point-data").kind == Step::Kind::success);
    using enum Failure;
    CHECK(failed(reaction("p=tls-exporter,,", "end-point-data"), not_authorized));
    CHECK(failed(reaction("p=tls-exporter,,", ""), not_authorized));
    CHECK(failed(reaction("p=tls-unique,,", "exporter-data"), malformed_request));
    CHECK(failed(reaction("n,,", ""), malformed_request));
    CHECK(failed(reaction("y,,", ""), malformed_request));
}

TEST_CASE("a client that was told of no channel binding is refused when it was offered")
{
    Fixture fixture;
    ScramClient client { .gs2 = "y,," };
    auto without = fixture.exchange();
    CHECK(run(without, client, "SCRAM-SHA-256", keys_of(client)).kind == Step::Kind::success);

    fixture.bindings = bindings_of("", "end-point-data");
    auto with = fixture.exchange();
    CHECK(failed(run(with, client, "SCRAM-SHA-256", keys_of(client)), Failure::not_authorized));
    client.gs2 = "n,,";
    auto cannot = fixture.exchange();
    CHECK(run(cannot, client, "SCRAM-SHA-256", keys_of(client)).kind == Step::Kind::success);
}

TEST_CASE("the example of XEP-0474 §5 comes out byte by byte")
{
    const Offer offer({ .abilities = { .check_password = false, .scram_sha1 = true },
        .is_encrypted = true,
        .has_channel_binding = true });
    const auto summary = offer.summary(bindings_of("data", "data"));
    CHECK(summary == "SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter\x1etls-server-end-point");
    CHECK(to_base64(digest(Hash::sha1, summary)) == "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
}

TEST_CASE("SCRAM tells a hash of what was offered, which nobody in between can change")
{
    Fixture fixture;
    fixture.allowed = { "SCRAM-SHA-256", "PLAIN", "SCRAM-SHA-1" };
    for (const auto hash : { ScramHash::sha1, ScramHash::sha256 }) {
        ScramClient client { .hash = hash };
        auto exchange = fixture.exchange();
        CHECK(run(exchange, client, hash == ScramHash::sha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256",
                  keys_of(client))
                  .kind
            == Step::Kind::success);
        CHECK(
            client.field('h') == to_base64(digest(hash, "PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-256")));
    }
    // Who is told another hash than the server's signs another message.
    ScramClient deceived;
    auto exchange = fixture.exchange();
    auth(exchange, "SCRAM-SHA-256", deceived.first());
    const auto challenge = exchange.resume({ .keys = keys_of(deceived) }).data;
    const auto at = challenge.find(",h=");
    REQUIRE(at != challenge.npos);
    deceived.server_first = challenge.substr(0, at)
        + ",h=" + to_base64(digest(ScramHash::sha256, "PLAIN\x1eSCRAM-SHA-1"));
    CHECK(failed(response(exchange, deceived.final()), Failure::not_authorized));
    auto stripped = fixture.exchange();
    auth(stripped, "SCRAM-SHA-256", deceived.first());
    deceived.server_first = stripped.resume({ .keys = keys_of(deceived) }).data;
    deceived.server_first.resize(deceived.server_first.find(",h="));
    CHECK(failed(response(stripped, deceived.final()), Failure::not_authorized));
}

TEST_CASE("nobody acts for another: SCRAM and PLAIN accept the own bare JID as authzid or none")
{
    Fixture fixture;
    const std::pair<const char*, bool> identities[] = { { "juliet@capulet.lit", true },
        { "Juliet@Capulet.lit", true }, { "romeo@capulet.lit", false },
        { "juliet@montague.lit", false }, { "juliet@capulet.lit/balcony", false },
        { "juliet", false }, { "capulet.lit", false } };
    for (const auto& [identity, allowed] : identities) {
        const std::string shown(identity);
        CAPTURE(shown);
        ScramClient client { .gs2 = "n,a=" + std::string(identity) + "," };
        auto scram = fixture.exchange();
        const auto step = run(scram, client, "SCRAM-SHA-256", keys_of(client));
        auto plain = fixture.exchange();
        const auto asked
            = auth(plain, "PLAIN", identity + std::string(1, '\0') + "juliet" + '\0' + "pencil");
        if (allowed) {
            CHECK(step.kind == Step::Kind::success);
            CHECK(asked.kind == Step::Kind::ask_password);
        } else {
            CHECK(failed(step, Failure::invalid_authzid));
            CHECK(failed(asked, Failure::invalid_authzid));
        }
    }
}

TEST_CASE("PLAIN takes exactly three parts")
{
    Fixture fixture;
    using namespace std::string_literals;
    auto good = fixture.exchange();
    CHECK(auth(good, "PLAIN", "\0Juliet\0pencil"s).kind == Step::Kind::ask_password);
    CHECK(good.user() == "juliet");
    CHECK(good.take_password() == "pencil");
    CHECK(good.take_password().empty());
    CHECK(good.resume({ .password_matches = true }).kind == Step::Kind::success);

    auto bad = fixture.exchange();
    auth(bad, "PLAIN", "\0juliet\0pencil"s);
    CHECK(failed(bad.resume({ .password_matches = false }), Failure::not_authorized));

    for (const auto& wrong : { ""s, "juliet"s, "juliet\0pencil"s, "\0juliet\0"s, "\0\0pencil"s,
             "\0juliet\0pencil\0"s, "\0juliet\0"s + std::string(4097, 'x') }) {
        auto exchange = fixture.exchange();
        CHECK(failed(auth(exchange, "PLAIN", wrong), Failure::malformed_request));
    }
    auto longest = fixture.exchange();
    CHECK(auth(longest, "PLAIN", "\0juliet\0"s + std::string(4096, 'x')).kind
        == Step::Kind::ask_password);
}

TEST_CASE("PLAIN needs TLS, unless the administrator says otherwise")
{
    Fixture fixture;
    fixture.is_encrypted = false;
    auto open = fixture.exchange();
    CHECK(failed(auth(open, "PLAIN", "x"), Failure::encryption_required));
    fixture.plain_without_tls = true;
    auto tolerated = fixture.exchange();
    CHECK(failed(auth(tolerated, "PLAIN", "x"), Failure::malformed_request));
}

TEST_CASE("what is offered is what backend, administrator and channel have in common")
{
    const auto offered = [](const Fixture& fixture) {
        Element features("features", ns_streams);
        const auto exchange = fixture.exchange();
        exchange.offer().add_to(features, exchange.bindings());
        std::string names;
        for (const ElementRef mechanism : features.child("mechanisms", ns_sasl))
            names += mechanism.text() + " ";
        for (const ElementRef type : features.child("sasl-channel-binding", "urn:xmpp:sasl-cb:0"))
            names += "+" + std::string(type.attr("type"));
        return names;
    };
    Fixture fixture;
    CHECK(offered(fixture) == "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN ");
    fixture.bindings = bindings_of("data", "data");
    CHECK(offered(fixture)
        == "SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-512 SCRAM-SHA-256 "
           "SCRAM-SHA-1 PLAIN +tls-exporter+tls-server-end-point");
    fixture.allowed = { "SCRAM-SHA-256", "PLAIN", "SCRAM-SHA-1-PLUS" };
    CHECK(offered(fixture)
        == "SCRAM-SHA-1-PLUS SCRAM-SHA-256 PLAIN +tls-exporter+tls-server-end-point");
    fixture.abilities = { .check_password = true };
    CHECK(offered(fixture) == "PLAIN ");
    fixture.allowed = {};
    fixture.abilities.anonymous = true;
    CHECK(offered(fixture) == "PLAIN ANONYMOUS ");
    fixture.has_certificate = true;
    CHECK(offered(fixture) == "EXTERNAL PLAIN ANONYMOUS ");
    fixture.has_certificate = false;
    fixture.abilities.anonymous = false;
    fixture.is_encrypted = false;
    CHECK(offered(fixture).empty());
}

TEST_CASE("the exchange keeps its order, and counts what fails")
{
    Fixture fixture;
    auto exchange = fixture.exchange();
    CHECK(failed(response(exchange, "x"), Failure::malformed_request));
    CHECK(failed(auth(exchange, "DIGEST-MD5", ""), Failure::invalid_mechanism));
    CHECK(failed(exchange.handle(Element("abort", ns_sasl)), Failure::aborted));
    CHECK(failed(exchange.handle(Element("success", ns_sasl)), Failure::malformed_request));

    ScramClient client;
    auth(exchange, "SCRAM-SHA-256", client.first());
    exchange.resume({ .keys = keys_of(client) });
    CHECK(failed(auth(exchange, "SCRAM-SHA-256", client.first()), Failure::malformed_request));
    CHECK(failed(response(exchange, "c=biws"), Failure::malformed_request));
    CHECK(exchange.failures() == 6);
    CHECK(exchange.guesses() == 0);
    // None of this keeps the right client from getting in.
    CHECK(run(exchange, client, "SCRAM-SHA-256", keys_of(client)).kind == Step::Kind::success);
}

TEST_CASE("a mechanism without an initial response is asked for it with an empty challenge")
{
    Fixture fixture;
    auto exchange = fixture.exchange();
    Element element("auth", ns_sasl);
    element.attr("mechanism", "PLAIN");
    const auto step = exchange.handle(element);
    std::string xml;
    append_xml(xml, step);
    CHECK(xml == "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</challenge>");
    CHECK(response(exchange, std::string_view("\0juliet\0pencil", 14)).kind
        == Step::Kind::ask_password);
}

TEST_CASE("Base64 with white space, missing padding or elements inside is refused")
{
    Fixture fixture;
    for (const char* text :
        { "AGp1bGlldABwZW5jaWw", "AGp1bGlldABwZW5jaWw=\n", " AGp1", "AGp1=", "A" }) {
        CAPTURE(std::string(text));
        auto exchange = fixture.exchange();
        Element element("auth", ns_sasl);
        element.attr("mechanism", "PLAIN").text(text);
        CHECK(failed(exchange.handle(element), Failure::incorrect_encoding));
    }
    auto exchange = fixture.exchange();
    Element element("auth", ns_sasl);
    element.attr("mechanism", "PLAIN").add("x");
    CHECK(failed(exchange.handle(element), Failure::malformed_request));
}

TEST_CASE("messages have a longest length")
{
    Fixture fixture;
    const auto of_size = [](std::size_t bytes) {
        const std::string_view around = "n,a=,n=a,r=abc";
        return "n,a=" + std::string(bytes - around.size(), 'a') + ",n=a,r=abc";
    };
    auto fits = fixture.exchange();
    CHECK(failed(auth(fits, "SCRAM-SHA-1", of_size(max_message_bytes)), Failure::invalid_authzid));
    auto exceeds = fixture.exchange();
    CHECK(failed(
        auth(exceeds, "SCRAM-SHA-1", of_size(max_message_bytes + 3)), Failure::malformed_request));
    auto user = fixture.exchange();
    CHECK(auth(user, "SCRAM-SHA-1", "n,,n=" + std::string(3069, 'a') + ",r=x").kind
        == Step::Kind::ask_keys);
    auto long_user = fixture.exchange();
    CHECK(failed(auth(long_user, "SCRAM-SHA-1", "n,,n=" + std::string(3070, 'a') + ",r=x"),
        Failure::malformed_request));
    auto nonce = fixture.exchange();
    CHECK(auth(nonce, "SCRAM-SHA-1", "n,,n=a,r=" + std::string(512, 'r')).kind
        == Step::Kind::ask_keys);
    auto long_nonce = fixture.exchange();
    CHECK(failed(auth(long_nonce, "SCRAM-SHA-1", "n,,n=a,r=" + std::string(513, 'r')),
        Failure::malformed_request));
}

TEST_CASE("EXTERNAL: one user needs no name, several do, and nobody becomes another")
{
    Fixture fixture;
    auto without = fixture.exchange();
    CHECK(failed(auth(without, "EXTERNAL", ""), Failure::invalid_mechanism));
    fixture.has_certificate = true;
    using Users = std::vector<std::string>;
    const auto reaction = [&](std::string_view authzid, Users users, std::string_view becomes) {
        auto exchange = fixture.exchange();
        auto step = auth(exchange, "EXTERNAL", authzid);
        if (step.kind == Step::Kind::ask_certificate)
            step = exchange.resume({ .users = std::move(users) });
        CHECK((step.kind == Step::Kind::success) == !becomes.empty());
        if (!becomes.empty())
            CHECK(exchange.user() == becomes);
        CHECK(exchange.guesses() == 0);
        return step;
    };
    using enum Failure;
    reaction("", { "juliet" }, "juliet");
    reaction("juliet@capulet.lit", { "juliet" }, "juliet");
    reaction("Juliet@Capulet.lit", { "juliet" }, "juliet");
    reaction("nurse@capulet.lit", { "juliet", "nurse" }, "nurse");
    CHECK(failed(reaction("", { "juliet", "nurse" }, ""), invalid_authzid));
    CHECK(failed(reaction("romeo@capulet.lit", { "juliet", "nurse" }, ""), invalid_authzid));
    CHECK(failed(reaction("", {}, ""), not_authorized));
    CHECK(failed(reaction("juliet@capulet.lit", {}, ""), not_authorized));
    for (const char* wrong : { "juliet@montague.lit", "juliet@capulet.lit/balcony", "juliet",
             "capulet.lit", "@capulet.lit", "\xff@capulet.lit" })
        CHECK(failed(reaction(wrong, { "juliet", "capulet.lit" }, ""), invalid_authzid));
}

TEST_CASE("EXTERNAL without an initial response is asked for it")
{
    Fixture fixture;
    fixture.has_certificate = true;
    auto exchange = fixture.exchange();
    Element silent("auth", ns_sasl);
    silent.attr("mechanism", "EXTERNAL");
    CHECK(exchange.handle(silent).kind == Step::Kind::challenge);
    CHECK(response(exchange, "").kind == Step::Kind::ask_certificate);
    CHECK(failed(response(exchange, ""), Failure::malformed_request));
}

TEST_CASE("ANONYMOUS is who the backend says, and needs no word of the client")
{
    Fixture fixture;
    fixture.abilities = { .check_password = false, .anonymous = true };
    auto exchange = fixture.exchange();
    Element silent("auth", ns_sasl);
    silent.attr("mechanism", "ANONYMOUS");
    CHECK(exchange.handle(silent).kind == Step::Kind::ask_anonymous);
    CHECK(exchange.user().empty());
    CHECK(exchange.resume({ .users = { "somebody" } }).kind == Step::Kind::success);
    CHECK(exchange.user() == "somebody");

    auto traced = fixture.exchange();
    CHECK(auth(traced, "ANONYMOUS", "sirhc@example.org").kind == Step::Kind::ask_anonymous);
    CHECK(traced.trace() == "sirhc@example.org");
    // A backend that answers anything but one user lets nobody in.
    CHECK(failed(traced.resume({}), Failure::temporary_auth_failure));
    auth(traced, "ANONYMOUS", "");
    CHECK(failed(traced.resume({ .users = { "a", "b" } }), Failure::temporary_auth_failure));
    CHECK(traced.user().empty());
    CHECK(traced.guesses() == 0);
}

TEST_CASE("trace information is a line of at most 255 characters")
{
    Fixture fixture;
    fixture.abilities = { .check_password = false, .anonymous = true };
    const auto reaction = [&](const std::string& trace) {
        auto exchange = fixture.exchange();
        return auth(exchange, "ANONYMOUS", trace);
    };
    std::string longest;
    for (int i = 0; i < 255; ++i)
        longest += "\xe2\x82\xac"; // three bytes, one character
    CHECK(reaction(longest).kind == Step::Kind::ask_anonymous);
    using namespace std::string_literals;
    for (const auto& wrong :
        { longest + "x", "a\nb"s, "a\0b"s, "\x7f"s, "\xc2\x85"s, "\xff"s, "\xc0\xaf"s })
        CHECK(failed(reaction(wrong), Failure::malformed_request));
}

TEST_CASE("ANONYMOUS is no password in the open, so it needs no TLS of itself")
{
    Fixture fixture;
    fixture.is_encrypted = false;
    auto unable = fixture.exchange();
    CHECK(failed(auth(unable, "ANONYMOUS", ""), Failure::invalid_mechanism));
    fixture.abilities.anonymous = true;
    auto able = fixture.exchange();
    CHECK(auth(able, "ANONYMOUS", "").kind == Step::Kind::ask_anonymous);
    fixture.allowed = { "PLAIN" };
    auto forbidden = fixture.exchange();
    CHECK_FALSE(auth(forbidden, "ANONYMOUS", "").kind == Step::Kind::ask_anonymous);
}

TEST_CASE("a backend that cannot answer is not the client's fault")
{
    Fixture fixture;
    ScramClient client;
    auto exchange = fixture.exchange();
    auth(exchange, "SCRAM-SHA-256", client.first());
    CHECK(
        failed(exchange.refuse(Failure::temporary_auth_failure), Failure::temporary_auth_failure));

    auto broken = fixture.exchange();
    auto keys = keys_of(client);
    keys.stored_key.pop_back();
    CHECK(failed(run(broken, client, "SCRAM-SHA-256", keys), Failure::temporary_auth_failure));
}

TEST_CASE("who has proved who it is may be refused, which counts as a failure but not as a guess")
{
    Fixture fixture;
    using namespace std::string_literals;
    auto exchange = fixture.exchange();
    auth(exchange, "PLAIN", "\0juliet\0pencil"s);
    CHECK(exchange.resume({ .password_matches = true }).kind == Step::Kind::success);
    CHECK(failed(exchange.refuse(Failure::account_disabled), Failure::account_disabled));
    CHECK(exchange.failures() == 1);
    CHECK(exchange.guesses() == 0);
    // The stream goes on: somebody else may try.
    CHECK(auth(exchange, "PLAIN", "\0romeo\0pencil"s).kind == Step::Kind::ask_password);
}

TEST_CASE("kinds of Error speak of the account only where they may")
{
    using enum Error::Kind;
    CHECK(failure_of_verdict(refused) == Failure::not_authorized);
    CHECK(failure_of_backend(refused) == Failure::temporary_auth_failure);
    for (const auto of : { failure_of_backend, failure_of_verdict }) {
        CHECK(of(disabled) == Failure::account_disabled);
        CHECK(of(expired) == Failure::credentials_expired);
        for (const auto kind : { invalid, not_found, conflict, unavailable, limit, internal })
            CHECK(of(kind) == Failure::temporary_auth_failure);
    }
}

TEST_CASE("failures are written with their condition and text")
{
    std::string xml;
    append_xml(xml, Step::fail(Failure::mechanism_too_weak, "a < b"));
    CHECK(xml
        == "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism-too-weak/>"
           "<text xml:lang='en'>a &lt; b</text></failure>");
    xml.clear();
    append_xml(xml, Step::success());
    CHECK(xml == "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
}
