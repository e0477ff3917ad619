#include "scram_message.h"

#include <nuncio/crypto.h>

#include <algorithm>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::size_t max_nonce_bytes = 512;

    /// The part before the next comma; removes both from `rest`. Remembers whether there was one.
    struct Part {
        std::string_view text;
        bool had_comma;
    };
    Part take_part(std::string_view& rest)
    {
        const auto comma = rest.find(',');
        const Part part { rest.substr(0, comma), comma != rest.npos };
        rest.remove_prefix(part.had_comma ? comma + 1 : rest.size());
        return part;
    }

    bool has_key(std::string_view attribute, char key)
    {
        return attribute.size() >= 2 && attribute[0] == key && attribute[1] == '=';
    }

    // attr-val = ALPHA "=" value, value = 1*value-char
    bool is_extension(std::string_view attribute)
    {
        return attribute.size() >= 3 && attribute[1] == '='
            && ((attribute[0] >= 'a' && attribute[0] <= 'z')
                || (attribute[0] >= 'A' && attribute[0] <= 'Z'));
    }

    // printable = %x21-2B / %x2D-7E
    bool is_nonce(std::string_view text)
    {
        return !text.empty() && text.size() <= max_nonce_bytes
            && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != ','; });
    }

    // cb-name = 1*(ALPHA / DIGIT / "." / "-")
    bool is_binding_name(std::string_view text)
    {
        return !text.empty() && std::ranges::all_of(text, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                || c == '.' || c == '-';
        });
    }

    std::optional<ScramParseError> parse_gs2_header(std::string_view& rest, ScramClientFirst& to)
    {
        const auto flag = take_part(rest);
        if (flag.text == "n") {
            to.binding = ScramClientFirst::Binding::none;
        } else if (flag.text == "y") {
            to.binding = ScramClientFirst::Binding::unused;
        } else if (has_key(flag.text, 'p') && is_binding_name(flag.text.substr(2))) {
            to.binding = ScramClientFirst::Binding::required;
            to.binding_type = flag.text.substr(2);
        } else {
            return ScramParseError { "expected 'n', 'y' or 'p=' as channel binding flag" };
        }
        const auto authzid = take_part(rest);
        if (!authzid.had_comma)
            return ScramParseError { "the GS2 header is incomplete" };
        if (!authzid.text.empty()) {
            if (!has_key(authzid.text, 'a'))
                return ScramParseError { "expected 'a=' or nothing in the GS2 header" };
            auto name = unescape_saslname(authzid.text.substr(2));
            if (!name)
                return ScramParseError { "the authorization identity is malformed" };
            to.authzid = *std::move(name);
        }
        return std::nullopt;
    }

}

std::optional<std::string> unescape_saslname(std::string_view text)
{
    if (text.empty())
        return std::nullopt;
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == ',' || text[at] == '\0')
            return std::nullopt;
        if (text[at] != '=') {
            out += text[at];
            continue;
        }
        const auto code = text.substr(at + 1, 2);
        if (code != "2C" && code != "3D")
            return std::nullopt;
        out += code == "2C" ? ',' : '=';
        at += 2;
    }
    return out;
}

std::optional<ScramParseError> parse(std::string_view message, ScramClientFirst& to)
{
    std::string_view rest = message;
    if (auto error = parse_gs2_header(rest, to))
        return error;
    to.gs2_header = message.substr(0, message.size() - rest.size());
    to.bare = rest;

    const auto user = take_part(rest);
    // RFC 5802 §5.1: `m` is for extensions that must be understood, and none is.
    if (has_key(user.text, 'm'))
        return ScramParseError { "mandatory extensions are not supported" };
    if (!has_key(user.text, 'n'))
        return ScramParseError { "expected 'n='" };
    auto name = unescape_saslname(user.text.substr(2));
    if (!name)
        return ScramParseError { "the user name is malformed" };
    to.user = *std::move(name);

    auto nonce = take_part(rest);
    if (!has_key(nonce.text, 'r') || !is_nonce(nonce.text.substr(2)))
        return ScramParseError { "expected a nonce" };
    to.nonce = nonce.text.substr(2);
    for (auto more = nonce.had_comma; more;) {
        const auto extension = take_part(rest);
        if (!is_extension(extension.text) || extension.text[0] == 'm')
            return ScramParseError { "an extension is malformed or mandatory" };
        more = extension.had_comma;
    }
    return std::nullopt;
}

std::optional<ScramParseError> parse(std::string_view message, ScramClientFinal& to)
{
    std::string_view rest = message;
    const auto binding = take_part(rest);
    if (!has_key(binding.text, 'c'))
        return ScramParseError { "expected 'c='" };
    auto decoded = from_base64(binding.text.substr(2));
    if (!decoded)
        return ScramParseError { "the channel binding is not Base64" };
    to.channel_binding = *std::move(decoded);

    const auto nonce = take_part(rest);
    if (!has_key(nonce.text, 'r') || nonce.text.size() == 2)
        return ScramParseError { "expected a nonce" };
    to.nonce = nonce.text.substr(2);

    // The proof is the last attribute (RFC 5802 §5.1); before it there may be extensions.
    while (!rest.empty()) {
        const auto proof_at = message.size() - rest.size();
        const auto part = take_part(rest);
        if (!has_key(part.text, 'p')) {
            if (!is_extension(part.text) || part.text[0] == 'm')
                return ScramParseError { "an extension is malformed or mandatory" };
            continue;
        }
        auto proof = from_base64(part.text.substr(2));
        if (!proof || part.had_comma)
            return ScramParseError { "the proof is malformed" };
        to.proof = *std::move(proof);
        to.without_proof = message.substr(0, proof_at - 1);
        return std::nullopt;
    }
    return ScramParseError { "expected a proof" };
}

}
