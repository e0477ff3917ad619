// Tokens: whatever a client sends, only what was signed is believed, and one text is one token.
#include "jwt/base64url.h"
#include "jwt/key_reader.h"
#include "jwt/token.h"

#include <nuncio/crypto.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace nuncio;
using namespace nuncio::jwt;

namespace {

const std::string secret = "a secret that the fuzzer does know, 32 bytes and more";

// RFC 7517 §A.1 and RFC 8037 §A.2: keys of every kind, whose private halves are not here.
const std::string public_keys
    = R"({"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
      R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"},)"
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

void require(bool holds, const char* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

std::string to_base64url(std::string_view bytes)
{
    std::string text = to_base64(bytes);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    while (text.ends_with('='))
        text.pop_back();
    return text;
}

Rules rules_of(std::vector<std::string> names)
{
    return { .domain = "example.org", .algorithms = std::move(names) };
}

void check_claims(const Value& claims, const Rules& rules)
{
    const WallTime now { std::chrono::seconds(1'000'000'000) };
    const auto verdict = judge(claims, "ana", rules, now);
    require(verdict.text.size() < 256, "a reason shows a part only");
    if (verdict.kind == Verdict::Kind::refused)
        return;
    const Value* const account = claims.find("sub");
    require(account && !account->as_string().empty(), "who comes in has a name");
    require(
        judge(claims, "bob", rules, now).kind == Verdict::Kind::refused, "a token is for one user");
}

/// As it came.
void check_token(std::string_view text)
{
    static const KeySet keys = *read_keys(public_keys, false);
    require(keys.keys.size() == 2, "the keys are good");
    static const Rules strangers = rules_of({ "ES256", "EdDSA", "HS256", "RS256" });
    const auto token = read_token(text);
    if (!token)
        return;
    const auto end = text.rfind('.');
    require(token->signed_text == text.substr(0, end), "what is signed is what stands there");
    require(to_base64url(token->signature) == text.substr(end + 1), "one text for one signature");
    require(!verify(*token, keys, strangers), "nobody here can sign for these keys");
}

/// The same bytes as the claims of a token that is signed.
void check_signed(std::string_view payload)
{
    static const KeySet keys = *read_keys(secret, true);
    static const Rules rules = rules_of({ "HS256" });
    std::string text = to_base64url(R"({"alg":"HS256"})") + '.' + to_base64url(payload);
    text += '.' + to_base64url(hmac(Hash::sha256, secret, text));
    const auto token = read_token(text);
    require(token && token->payload == payload, "a token is read as it was written");
    if (const auto claims = verify(*token, keys, rules))
        check_claims(*claims, rules);
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_token(text);
    check_signed(text);
    // A key file is the administrator's, but may be anything for a moment.
    const auto keys = read_keys(text, size % 2 == 1);
    require(!keys || keys->keys.size() + keys->ignored.size() <= most_keys, "a bound on keys");
    return 0;
}
