#include "base64url.h"
#include "key_reader.h"
#include "signer.h"
#include "token.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::jwt;
using testing::algorithm;
using testing::Signer;
using testing::to_base64url;
using namespace std::string_literals;
using Kind = Verdict::Kind;

namespace {

constexpr WallTime now { std::chrono::seconds(1'000'000'000) };

Rules rules_with(std::vector<std::string> names = { "RS256" })
{
    return { .domain = "example.org", .algorithms = std::move(names) };
}

Verdict judge_text(const std::string& claims, const Rules& rules, std::string_view user = "ana")
{
    const auto value = Value::parse_json(claims);
    REQUIRE(value);
    return judge(*value, user, rules, now);
}

/// Of someone with a valid expiry, and `more`.
Verdict judge_with(const std::string& more, const Rules& rules = rules_with())
{
    return judge_text(R"({"exp":1000000100,"sub":"ana")" + more + '}', rules);
}

/// What becomes of a token with one key file.
std::string outcome(const std::string& token, std::string_view key_file, const Rules& rules,
    bool may_be_secret = false)
{
    const auto set = read_keys(key_file, may_be_secret);
    REQUIRE(set);
    const auto read = read_token(token);
    if (!read)
        return read.error().text;
    const auto claims = verify(*read, *set, rules);
    return claims ? "verified" : claims.error().text;
}

}

TEST_CASE("Base64url is strict: one text for each string of bytes")
{
    CHECK(from_base64url("") == "");
    CHECK(from_base64url("-_-_") == "\xFB\xFF\xBF");
    CHECK(from_base64url("YQ") == "a");
    for (const char* const wrong : { "YQ==", "YR", "Y", "YQ ", "+/+/", "Y Q", "YQ\n", "Y=" })
        CHECK_FALSE(from_base64url(wrong));
}

TEST_CASE("only what has three parts is looked at as a token")
{
    CHECK(looks_like_token("a.b.c"));
    CHECK(looks_like_token("a.b."));
    for (const char* const other : { "", "pencil", "a.b", "a.b.c.d", ".b.c", "a. b.c" })
        CHECK_FALSE(looks_like_token(other));
    for (const char* const other : { "", "a.b", "a.b.c.d.e" })
        CHECK_FALSE(read_token(other));
}

TEST_CASE("a token with a broken or demanding header is refused")
{
    const auto refused
        = [](std::string_view header) { return !read_token(to_base64url(header) + ".e30.YQ"); };
    CHECK_FALSE(refused(R"({"alg":"RS256"})"));
    CHECK_FALSE(refused(R"({"alg":"RS256","kid":"a","typ":"JWT","x5u":"http://evil.test"})"));
    CHECK(refused(""));
    CHECK(refused("[]"));
    CHECK(refused("{}"));
    CHECK(refused(R"({"alg":5})"));
    CHECK(refused(R"({"alg":"RS256","alg":"HS256"})"));
    CHECK(refused(R"({"alg":"RS256","kid":{}})"));
    CHECK(refused(R"({"alg":"RS256","crit":["b64"],"b64":false})"));
    CHECK(refused(R"({"alg":"RS256","x":[[[[[]]]]]})"));
    CHECK(refused("\xFF"));
    CHECK_FALSE(read_token("eyJhbGciOiJSUzI1NiJ9.e30=.YQ"));
    CHECK_FALSE(read_token("eyJhbGciOiJSUzI1NiJ9.e30.Y"));
}

TEST_CASE("the configuration says how tokens are signed, never the token")
{
    const auto signer = Signer::rsa();
    const std::string pem = signer.public_pem();
    const auto good = signer.token(R"({"alg":"RS256"})", "{}", algorithm("RS256"));
    CHECK(outcome(good, pem, rules_with()) == "verified");
    CHECK(outcome(good, pem, rules_with({ "ES256", "RS256" })) == "verified");
    CHECK(outcome(good, pem, rules_with({ "PS256" })).find("not among") != std::string::npos);
    const auto stronger = signer.token(R"({"alg":"RS512"})", "{}", algorithm("RS512"));
    CHECK(outcome(stronger, pem, rules_with()).find("not among") != std::string::npos);
    // What the header says must be what was done.
    const auto lying = signer.token(R"({"alg":"PS256"})", "{}", algorithm("RS256"));
    CHECK(outcome(lying, pem, rules_with({ "RS256", "PS256" })) == "its signature is wrong");
}

TEST_CASE("a token without a signature is refused, however it spells that")
{
    const std::string pem = Signer::rsa().public_pem();
    for (const char* const name : { "none", "None", "NONE", "nOnE", "" }) {
        const auto text = to_base64url(R"({"alg":")"s + name + "\"}") + ".e30.";
        CHECK(outcome(text, pem, rules_with()) != "verified");
        CHECK(outcome(text + "YQ", pem, rules_with()) != "verified");
    }
    const auto bare = to_base64url(R"({"alg":"RS256"})") + ".e30.";
    CHECK(outcome(bare, pem, rules_with()) == "its signature is wrong");
    CHECK_FALSE(is_algorithm("none"));
}

TEST_CASE("a public key does not become a secret because a token says HS256")
{
    const auto owner = Signer::rsa();
    const std::string pem = owner.public_pem();
    // The attacker knows the public key, and takes the file for the secret of an HMAC.
    for (const auto& secret : { pem, pem.substr(0, pem.size() - 1) }) {
        const auto forged
            = Signer::secret(secret).token(R"({"alg":"HS256"})", "{}", algorithm("HS256"));
        CHECK(outcome(forged, pem, rules_with()).find("not among") != std::string::npos);
        CHECK(outcome(forged, pem, rules_with({ "RS256", "HS256" })).find("no key")
            != std::string::npos);
        CHECK(outcome(forged, pem, rules_with({ "HS256" }), true).find("no key")
            != std::string::npos);
        // … and the same with the header of the honest algorithm.
        const auto disguised
            = Signer::secret(secret).token(R"({"alg":"RS256"})", "{}", algorithm("HS256"));
        CHECK(outcome(disguised, pem, rules_with()) == "its signature is wrong");
    }
}

TEST_CASE("the key that a token names is used, or one without a name")
{
    const auto one = Signer::ec("P-256");
    const std::string secret(32, 's');
    const auto jwk = [&](std::string_view id, std::string_view bytes) {
        return R"({"kty":"oct","kid":")" + std::string(id) + R"(","k":")" + to_base64url(bytes)
            + "\"}";
    };
    const std::string other(32, 'o');
    const std::string set = R"({"keys":[)" + jwk("a", secret) + ',' + jwk("b", other) + "]}";
    const auto rules = rules_with({ "HS256" });
    const auto token = [&](std::string_view header, std::string_view with) {
        return Signer::secret(with).token(header, "{}", algorithm("HS256"));
    };
    CHECK(outcome(token(R"({"alg":"HS256","kid":"a"})", secret), set, rules) == "verified");
    CHECK(outcome(token(R"({"alg":"HS256","kid":"b"})", other), set, rules) == "verified");
    CHECK(outcome(token(R"({"alg":"HS256"})", other), set, rules) == "verified");
    CHECK(outcome(token(R"({"alg":"HS256","kid":"b"})", secret), set, rules)
        == "its signature is wrong");
    CHECK(outcome(token(R"({"alg":"HS256","kid":"c"})", secret), set, rules).find("no key \"c\"")
        != std::string::npos);
    CHECK(
        outcome(token(R"({"alg":"HS256","kid":"c"})", secret), secret, rules, true) == "verified");
}

TEST_CASE("what is signed must be an object, and not too deep")
{
    const std::string secret(32, 's');
    const auto rules = rules_with({ "HS256" });
    const auto with = [&](std::string_view payload) {
        return outcome(
            Signer::secret(secret).token(R"({"alg":"HS256"})", payload, algorithm("HS256")), secret,
            rules, true);
    };
    CHECK(with("{}") == "verified");
    CHECK(with(R"({"a":)" + std::string(15, '[') + std::string(15, ']') + '}') == "verified");
    CHECK(with(R"({"a":)" + std::string(16, '[') + std::string(16, ']') + '}') != "verified");
    for (const char* const wrong : { "", "[]", "\"sub\"", "{", R"({"sub":"a","sub":"b"})", "{}{}",
             "eyJhbGciOiJub25lIn0.e30." })
        CHECK(with(wrong) == "its payload is no JSON object");
}

TEST_CASE("the account is the claim's local part, or its bare address of this host")
{
    const auto rules = rules_with();
    const auto kind = [&](const std::string& sub, std::string_view user = "ana") {
        return judge_text(R"({"exp":1000000100,"sub":)" + sub + '}', rules, user).kind;
    };
    CHECK(kind(R"("ana")") == Kind::accepted);
    CHECK(kind(R"("Ana")") == Kind::accepted);
    CHECK(kind(R"("ana@example.org")") == Kind::accepted);
    CHECK(kind(R"("ANA@EXAMPLE.ORG")") == Kind::accepted);
    CHECK(kind("\"\u00DCmit\"", "\u00FCmit") == Kind::accepted);
    for (const char* const other :
        { R"("bob")", R"("ana@example.com")", R"("ana@example.org/phone")", R"("ana/x")",
            R"("example.org")", R"("@example.org")", R"("")", "17", "null", R"(["ana"])",
            R"("ana ")", R"("ana\u0000")", R"("ana@example.org@example.org")" })
        CHECK(kind(other) == Kind::refused);
    CHECK(kind(R"("")", "") == Kind::refused);
    auto by_jid = rules_with();
    by_jid.account_claim = "jid";
    CHECK(judge_with(R"(,"jid":"ana@example.org")", by_jid).kind == Kind::accepted);
    CHECK(judge_with("", by_jid).kind == Kind::refused);
    CHECK(judge_with(R"(,"jid":"bob@example.org")", by_jid).kind == Kind::refused);
}

TEST_CASE("expiry: good until the leeway has passed, expired from then on, and required")
{
    const auto kind = [](std::string_view exp, Duration leeway, bool is_required = true) {
        auto rules = rules_with();
        rules.leeway = leeway;
        rules.requires_expiry = is_required;
        return judge_text(
            R"({"sub":"ana")" + (exp.empty() ? "" : R"(,"exp":)" + std::string(exp)) + '}', rules)
            .kind;
    };
    CHECK(kind("1000000001", 0s) == Kind::accepted);
    CHECK(kind("1000000000.5", 0s) == Kind::accepted);
    CHECK(kind("1000000000", 0s) == Kind::expired); // "on or after" (RFC 7519 §4.1.4)
    CHECK(kind("999999971", 30s) == Kind::accepted);
    CHECK(kind("999999970", 30s) == Kind::expired);
    CHECK(kind("0", 30s) == Kind::expired);
    CHECK(kind("-1", 30s) == Kind::expired);
    CHECK(kind("-1e300", 30s) == Kind::expired);
    CHECK(kind("18446744073709551615", 0s) == Kind::accepted);
    CHECK(kind("\"1000000100\"", 0s) == Kind::refused);
    CHECK(kind("null", 0s) == Kind::refused);
    CHECK(kind("", 0s) == Kind::refused);
    CHECK(kind("", 0s, false) == Kind::accepted);
    CHECK(kind("999999000", 0s, false) == Kind::expired);
}

TEST_CASE("not before, and not issued in the future, but for the leeway")
{
    CHECK(judge_with(R"(,"nbf":1000000030)").kind == Kind::accepted);
    CHECK(judge_with(R"(,"nbf":1000000031)").kind == Kind::refused);
    CHECK(judge_with(R"(,"nbf":"soon")").kind == Kind::refused);
    CHECK(judge_with(R"(,"iat":1000000030)").kind == Kind::accepted);
    CHECK(judge_with(R"(,"iat":1000000031)").kind == Kind::refused);
}

TEST_CASE("a token is good for max_age after it was issued, whatever its expiry")
{
    auto rules = rules_with();
    rules.leeway = 0s;
    rules.max_age = 60s;
    CHECK(judge_with(R"(,"iat":999999941)", rules).kind == Kind::accepted);
    CHECK(judge_with(R"(,"iat":999999940)", rules).kind == Kind::expired);
    CHECK(judge_with("", rules).kind == Kind::refused);
}

TEST_CASE("issuers and audiences, where some are named")
{
    auto rules = rules_with();
    CHECK(judge_with(R"(,"iss":"anybody")", rules).kind == Kind::accepted);
    rules.issuers = { "https://id.example.org", "https://old.example.org" };
    CHECK(judge_with(R"(,"iss":"https://old.example.org")", rules).kind == Kind::accepted);
    CHECK(judge_with(R"(,"iss":"https://id.example.org/")", rules).kind == Kind::refused);
    CHECK(judge_with(R"(,"iss":["https://id.example.org"])", rules).kind == Kind::refused);
    CHECK(judge_with("", rules).kind == Kind::refused);

    // RFC 7519 §4.1.3: one that is meant for somebody else is refused in any case.
    rules = rules_with();
    CHECK(judge_with(R"(,"aud":"example.org")", rules).kind == Kind::accepted);
    CHECK(judge_with(R"(,"aud":["mail","example.org"])", rules).kind == Kind::accepted);
    for (const char* const other :
        { R"("mail")", R"(["mail"])", "[]", "{}", "null", "[1]", R"("")" })
        CHECK(judge_with(R"(,"aud":)" + std::string(other), rules).kind == Kind::refused);
    rules.audiences = { "xmpp" };
    CHECK(judge_with(R"(,"aud":"xmpp")", rules).kind == Kind::accepted);
    CHECK(judge_with(R"(,"aud":"example.org")", rules).kind == Kind::refused);
    CHECK(judge_with("", rules).kind == Kind::refused);
}

TEST_CASE("only a token that was good in all else is called expired")
{
    auto rules = rules_with();
    rules.issuers = { "us" };
    const auto kind = [&](const std::string& claims) { return judge_text(claims, rules).kind; };
    CHECK(kind(R"({"sub":"ana","iss":"us","exp":1})") == Kind::expired);
    CHECK(kind(R"({"sub":"bob","iss":"us","exp":1})") == Kind::refused);
    CHECK(kind(R"({"sub":"ana","iss":"them","exp":1})") == Kind::refused);
    CHECK(kind(R"({"sub":"ana","iss":"us","aud":"mail","exp":1})") == Kind::refused);
    CHECK(kind(R"({"sub":"ana","iss":"us","nbf":2000000000,"exp":1})") == Kind::refused);
}

TEST_CASE("what a stranger made up is shown in part only")
{
    const auto signer = Signer::secret(std::string(32, 's'));
    const auto long_name = std::string(500, 'x');
    const auto token = signer.token(R"({"alg":")" + long_name + "\"}", "{}", algorithm("HS256"));
    CHECK(outcome(token, std::string(32, 's'), rules_with({ "HS256" }), true).size() < 150);
    CHECK(judge_text(R"({"sub":")" + long_name + "\"}", rules_with()).text.size() < 150);
}
