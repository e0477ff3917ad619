// SASL: no sequence of messages gets anybody in who did not prove who they are.
#include "sasl/exchange.h"
#include "sasl/hashed_token.h"
#include "sasl/sasl2_login.h"
#include "sasl/scram.h"
#include "sasl/scram_message.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>
#include <nuncio/ns.h>
#include <nuncio/scram.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace nuncio;
using namespace nuncio::kernel::sasl;

namespace {

void require(bool holds, const char* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

const DecoyKeys& decoys()
{
    static const DecoyKeys keys("secret");
    return keys;
}

const ScramKeys& keys(ScramHash hash)
{
    static const ScramKeys made[] = { make_scram_keys("pencil", "salt", 1, ScramHash::sha1),
        make_scram_keys("pencil", "salt", 1, ScramHash::sha256),
        make_scram_keys("pencil", "salt", 1, ScramHash::sha512) };
    return made[static_cast<int>(hash)];
}

ChannelBindings both_bindings()
{
    return { true, true, [](std::string_view type) {
                return std::string(
                    type == ChannelBindings::exporter_name ? "exporter" : "end point");
            } };
}

/// Everything up to the next line feed.
std::string_view take_line(std::string_view& rest)
{
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

constexpr std::string_view token_secret = "secret";

/// What a client with the token says of it (draft-schmaus-kitten-sasl-ht §3.1).
std::string token_proof(const MechanismInfo& mechanism)
{
    const auto binding = token_binding(mechanism);
    return hmac(mechanism.hash, token_secret,
        "Initiator" + (binding.empty() ? std::string() : both_bindings().find(binding)));
}

struct Known {
    bool password = false;
    bool token = false;
};

void require_owner(const Exchange& exchange, Known known)
{
    const auto mechanism = exchange.mechanism_name();
    if (mechanism == "ANONYMOUS")
        return require(exchange.user() == "guest", "without a name one is who the backend says");
    if (mechanism == "EXTERNAL")
        return require(exchange.user() == "nurse" || exchange.user() == "romeo",
            "a certificate opens to its owners alone");
    require(exchange.user() == "juliet", "a secret opens to its owner alone");
    if (mechanism.starts_with("HT-"))
        return require(known.token && exchange.token_id() == "id", "nobody guesses a token");
    require(mechanism == "PLAIN", "nobody guesses a nonce");
    require(known.password, "only the right password opens");
}

Element authenticate(std::string_view mechanism, const std::string& text)
{
    Element element("authenticate", ns_sasl2);
    element.attr("mechanism", mechanism);
    element.add("initial-response").text(text);
    return element;
}

/// Each line is one element: its first character says which, of which form and how it is encoded.
Element element_of(char kind, std::string_view mechanism, std::string_view data)
{
    const std::string_view old_forms = "aArRx";
    const bool is_old = old_forms.find(kind) != old_forms.npos;
    const bool is_raw = kind == 'A' || kind == 'R' || kind == 'S' || kind == 'T';
    const std::string text = is_raw ? std::string(data) : to_base64(data);
    switch (kind) {
    case 'r':
    case 'R':
    case 't':
    case 'T':
        return std::move(Element("response", is_old ? ns_sasl : ns_sasl2).text(text));
    case 'x':
    case 'y':
        return Element("abort", is_old ? ns_sasl : ns_sasl2);
    case 'h': // by who has the token
        if (const MechanismInfo* const info = find_token_mechanism(mechanism))
            return authenticate(
                mechanism, to_base64(std::string(data) + '\0' + token_proof(*info)));
        [[fallthrough]];
    case 's':
    case 'S':
        return authenticate(mechanism, text);
    default:
        return std::move(Element("auth", ns_sasl).attr("mechanism", mechanism).text(text));
    }
}

void play_exchange(std::string_view input)
{
    const AuthAbilities abilities { .check_password = true,
        .scram_sha1 = true,
        .scram_sha256 = true,
        .scram_sha512 = true,
        .anonymous = true };
    const Offer offer({ .abilities = abilities,
        .is_encrypted = true,
        .has_channel_binding = true,
        .has_certificate = true });
    Exchange exchange({ "capulet.lit", offer, both_bindings(), decoys(), true, true });
    Known known;
    std::string said;
    for (int steps = 0; !input.empty() && steps < 64; ++steps) {
        std::string_view line = take_line(input);
        const char kind = line.empty() ? 'a' : line[0];
        line.remove_prefix(line.empty() ? 0 : 1);
        const auto comma = std::min(line.find(' '), line.size());
        const auto data = line.substr(std::min(comma + 1, line.size()));
        known.token = kind == 'h';
        auto step = exchange.handle(element_of(kind, line.substr(0, comma), data));
        for (int asked = 0; asked < 2; ++asked) {
            if (step.kind == Step::Kind::ask_password) {
                known.password
                    = exchange.user() == "juliet" && exchange.take_password() == "pencil";
                step = exchange.resume({ .password_matches = known.password });
            } else if (step.kind == Step::Kind::ask_keys) {
                BackendAnswer answer;
                if (exchange.user() == "juliet")
                    answer.keys = keys(exchange.hash());
                step = exchange.resume(std::move(answer));
            } else if (step.kind == Step::Kind::ask_certificate) {
                require(
                    exchange.user().empty() || *prepare_local(exchange.user()) == exchange.user(),
                    "who is asked for has a prepared name");
                step = exchange.resume({ .users = { "nurse", "romeo" } });
            } else if (step.kind == Step::Kind::ask_anonymous) {
                require(exchange.trace().size() <= 4 * 255, "trace information is bounded");
                step = exchange.resume({ .users = { "guest" } });
            } else if (step.kind == Step::Kind::ask_tokens) {
                BackendAnswer answer;
                if (exchange.user() == "juliet")
                    answer.tokens = { { "id", std::string(token_secret) } };
                step = exchange.resume(std::move(answer));
            }
        }
        append_xml(said, step, exchange.form());
        if (step.kind == Step::Kind::success) {
            require_owner(exchange, known);
            // The owner of the stream may still be refused, and somebody else may try.
            if (kind == 'A' || kind == 'S' || kind == 'h')
                append_xml(said, exchange.refuse(Failure::account_disabled));
        }
    }
}

/// A client that knows the password, but whose messages are the fuzzer's.
void play_scram(std::string_view input)
{
    const ChannelBindings bindings = both_bindings();
    const auto hash = ScramHash::sha256;
    const std::string first(take_line(input));
    const auto plus = first.starts_with("p") ? Scram::Plus::yes : Scram::Plus::no;
    Scram scram({ "capulet.lit", bindings, decoys(), false, "offer" }, hash, plus, "nonce");
    if (scram.respond(first).kind != Step::Kind::ask_keys)
        return;
    const auto challenge = scram.resume({ .keys = keys(hash) });
    require(challenge.kind == Step::Kind::challenge, "right keys are challenged");
    ScramClientFirst parsed;
    require(!parse(first, parsed), "what was accepted can be parsed");
    require(parsed.gs2_header.size() + parsed.bare.size() == first.size(), "nothing is lost");

    const std::string open(input);
    auto proof = scram_client_key(scram_salted_password("pencil", "salt", 1, hash), hash);
    const auto signature = hmac(
        hash, keys(hash).stored_key, std::string(parsed.bare) + "," + challenge.data + "," + open);
    for (std::size_t i = 0; i < proof.size(); ++i)
        proof[i] = static_cast<char>(proof[i] ^ signature[i]);
    const auto end = scram.respond(open + ",p=" + to_base64(proof));
    if (end.kind != Step::Kind::success)
        return;
    const std::string binding = std::string(parsed.gs2_header)
        + (plus == Scram::Plus::yes ? bindings.find(parsed.binding_type) : std::string());
    require(
        open.starts_with("c=" + to_base64(binding) + ",r=" + std::string(parsed.nonce) + "nonce"),
        "channel binding and nonce are the ones of this exchange");
    require(!scram.user().empty(), "somebody came in");
    require(scram.respond(open).kind == Step::Kind::failure, "an exchange ends once");
}

/// A client that has a token, but whose name and channel are the fuzzer's, and bytes of its proof.
void play_token(std::string_view input)
{
    const std::string name(take_line(input));
    const std::string binding(take_line(input));
    const auto hash = ScramHash::sha256;
    std::string proof = hmac(hash, token_secret, "Initiator" + binding);
    bool is_changed = false;
    for (std::size_t i = 0; i < std::min(input.size(), proof.size()); ++i) {
        proof[i] = static_cast<char>(proof[i] ^ input[i]);
        is_changed |= input[i] != 0;
    }
    HashedToken token(hash, "exporter");
    auto step = token.respond(name + '\0' + proof);
    if (step.kind != Step::Kind::ask_tokens)
        return;
    require(token.user().empty() || *prepare_local(token.user()) == token.user(),
        "who is asked for has a prepared name");
    const bool is_expired = input.size() % 2;
    step = token.resume({ .tokens
        = { { "other", "of somebody" }, { "id", std::string(token_secret), is_expired } } });
    const bool is_right = !is_changed && binding == "exporter" && !token.user().empty();
    require((step.kind == Step::Kind::success) == (is_right && !is_expired),
        "the right proof on the right channel opens, and no other");
    require(step.kind == Step::Kind::success
            || (step.failure == Failure::credentials_expired) == (is_right && is_expired),
        "only its owner hears that a token has expired");
    if (step.kind == Step::Kind::success)
        require(token.token_id() == "id"
                && step.data == hmac(hash, token_secret, "Responder" + binding),
            "the server proves which token it was");
}

/// What lies beside the SASL data of `<authenticate/>`.
void play_request(std::string_view input)
{
    auto request
        = parse_element("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'>"
            + std::string(input) + "</authenticate>");
    if (!request)
        return;
    const ChannelBindings bindings = both_bindings();
    const Sasl2Login login(*std::move(request));
    require(login.client.id.empty() || login.client.id.size() == 36, "an id is a UUID");
    require(login.client.software.size() <= 128 && login.client.device.size() <= 128,
        "what is kept is bounded");
    require(login.upgrades.size() <= std::size(upgradable), "no task comes twice");
    if (!login.problem({ "capulet.lit", 1023, bindings, true }).empty())
        return;
    require(login.is_by_token && !login.client.id.empty(), "tokens belong to clients");
    require(!login.token_use.count || *login.token_use.count > 0, "counts are positive");
    if (login.bind)
        require(
            Jid::make("x", "capulet.lit", login.tag + "/" + std::string(inline_resource_bytes, 'x'))
                .ok(),
            "the resource is one");
}

void check_base64(std::string_view text)
{
    if (const auto bytes = from_base64(text))
        require(to_base64(*bytes) == text, "Base64 has one spelling");
    require(from_base64(to_base64(text)) == std::string(text), "Base64 comes back");
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    check_base64(input);
    play_exchange(input);
    play_scram(input);
    play_token(input);
    play_request(input);
    return 0;
}
