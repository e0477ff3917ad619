#include "token.h"

#include "base64url.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <optional>

namespace nuncio::jwt {

namespace {

    constexpr int header_depth = 4;
    constexpr int claims_depth = 16; // some carry trees of roles
    constexpr std::size_t most_shown = 64; // of a text that anybody may have made up

    std::string shown(std::string_view text)
    {
        const auto part = text.substr(0, most_shown);
        return '"' + std::string(part) + (part.size() < text.size() ? "…\"" : "\"");
    }

    Verdict refused(std::string text)
    {
        return { Verdict::Kind::refused, std::move(text) };
    }

    bool is_one_of(const std::vector<std::string>& list, const std::string& text)
    {
        return std::ranges::find(list, text) != list.end();
    }

    /// RFC 7519 §2 NumericDate: seconds, perhaps with a fraction.
    struct Date {
        bool is_there = false;
        bool is_wrong = false;
        double seconds = 0;
    };
    Date date_at(const Value& claims, std::string_view name)
    {
        const Value* const value = claims.find(name);
        if (!value)
            return {};
        if (value->kind() == Value::Kind::integer)
            return { .is_there = true, .seconds = static_cast<double>(value->as_integer()) };
        if (value->kind() == Value::Kind::number)
            return { .is_there = true, .seconds = value->as_number() };
        return { .is_there = true, .is_wrong = true };
    }

    double seconds(Duration duration)
    {
        return std::chrono::duration<double>(duration).count();
    }

    /// The account that the token is for, as a local part of this host; empty: nobody's here.
    std::string account_of(const std::string& claim, const std::string& domain)
    {
        if (claim.find_first_of("@/") == claim.npos) {
            auto local = prepare_local(claim);
            return local ? *std::move(local) : std::string();
        }
        const auto jid = Jid::parse(claim);
        return jid && jid->is_bare() && jid->domain() == domain ? std::string(jid->local())
                                                                : std::string();
    }

    /// RFC 7519 §4.1.3: one text, or several.
    bool is_for_one_of(const Value& audience, const std::vector<std::string>& wanted)
    {
        if (audience.kind() == Value::Kind::string)
            return is_one_of(wanted, audience.as_string());
        return std::ranges::any_of(audience.as_array(), [&](const Value& one) {
            return one.kind() == Value::Kind::string && is_one_of(wanted, one.as_string());
        });
    }

    std::optional<Verdict> check_account(
        const Value& claims, std::string_view user, const Rules& rules)
    {
        const Value* const claim = claims.find(rules.account_claim);
        if (!claim || claim->kind() != Value::Kind::string)
            return refused("it has no text as its claim \"" + rules.account_claim + '"');
        const auto account = account_of(claim->as_string(), rules.domain);
        if (account.empty() || account != user)
            return refused("it is for " + shown(claim->as_string()));
        return std::nullopt;
    }

    std::optional<Verdict> check_origin(const Value& claims, const Rules& rules)
    {
        const Value* const issuer = claims.find("iss");
        if (!rules.issuers.empty()
            && (!issuer || issuer->kind() != Value::Kind::string
                || !is_one_of(rules.issuers, issuer->as_string())))
            return refused(issuer ? "its issuer " + shown(issuer->as_string()) + " is not trusted"
                                  : "it names no issuer (iss)");
        const Value* const audience = claims.find("aud");
        if (!audience)
            return rules.audiences.empty() ? std::nullopt
                                           : std::optional(refused("it names no audience (aud)"));
        const std::vector<std::string> own { rules.domain };
        if (!is_for_one_of(*audience, rules.audiences.empty() ? own : rules.audiences))
            return refused("its audience (aud) is somebody else");
        return std::nullopt;
    }

    std::optional<Verdict> check_dates(const Value& claims, const Rules& rules, WallTime now)
    {
        const double leeway = seconds(rules.leeway);
        const double time = std::chrono::duration<double>(now.time_since_epoch()).count();
        const Date begin = date_at(claims, "nbf");
        const Date issue = date_at(claims, "iat");
        const Date end = date_at(claims, "exp");
        if (begin.is_wrong || issue.is_wrong || end.is_wrong)
            return refused("one of its dates (exp, nbf, iat) is not a number");
        if (!end.is_there && rules.requires_expiry)
            return refused("it has no expiry (exp)");
        if (!issue.is_there && rules.max_age > Duration())
            return refused("it does not say when it was issued (iat)");
        if (begin.is_there && time < begin.seconds - leeway)
            return refused("it is not valid yet (nbf)");
        if (issue.is_there && time < issue.seconds - leeway)
            return refused("it was issued in the future (iat)");
        // RFC 7519 §4.1.4: "on or after" it is too late. The comparison is this way round so that
        // nothing is later than a date that is no number.
        if (end.is_there && !(time < end.seconds + leeway))
            return Verdict { Verdict::Kind::expired, "it has expired (exp)" };
        if (rules.max_age > Duration() && !(time < issue.seconds + seconds(rules.max_age) + leeway))
            return Verdict { Verdict::Kind::expired, "it was issued too long ago (iat, max_age)" };
        return std::nullopt;
    }

}

bool looks_like_token(std::string_view text)
{
    return std::ranges::count(text, '.') == 2 && text.find_first_of(" \t\r\n") == text.npos
        && text.front() != '.';
}

Result<Token> read_token(std::string_view text)
{
    if (std::ranges::count(text, '.') != 2)
        return Error { "expected three parts (RFC 7515 §7.1)" };
    const auto first = text.find('.');
    const auto second = text.find('.', first + 1);
    const auto header_text = from_base64url(text.substr(0, first));
    auto payload = from_base64url(text.substr(first + 1, second - first - 1));
    auto signature = from_base64url(text.substr(second + 1));
    if (!header_text || !payload || !signature)
        return Error { "a part of it is not Base64url (RFC 7515 §2)" };
    const auto header = Value::parse_json(*header_text, header_depth);
    if (!header || header->kind() != Value::Kind::table)
        return Error { "its header is no JSON object" };
    // RFC 7515 §4.1.11: what the token insists on and we do not understand makes it invalid; we
    // understand no extension.
    if (header->find("crit"))
        return Error { "its header asks for an extension (crit)" };
    const Value* const algorithm = header->find("alg");
    if (!algorithm || algorithm->kind() != Value::Kind::string)
        return Error { "its header names no algorithm (alg)" };
    const Value* const key_id = header->find("kid");
    if (key_id && key_id->kind() != Value::Kind::string)
        return Error { "its key's name (kid) is not a text" };
    return Token { .signed_text = text.substr(0, second),
        .payload = *std::move(payload),
        .signature = *std::move(signature),
        .algorithm = algorithm->as_string(),
        .key_id = key_id ? key_id->as_string() : std::string() };
}

Result<Value> verify(const Token& token, const KeySet& set, const Rules& rules)
{
    if (!is_one_of(rules.algorithms, token.algorithm))
        return Error { "its algorithm " + shown(token.algorithm) + " is not among `algorithms`" };
    bool has_key = false;
    for (const Key& key : set.keys) {
        // A key without a name may be any; one with another name is not the one that is meant.
        if (!token.key_id.empty() && !key.id.empty() && key.id != token.key_id)
            continue;
        for (const Algorithm& algorithm : algorithms()) {
            if (algorithm.name != token.algorithm || !key.fits(algorithm))
                continue;
            has_key = true;
            if (!key.verifies(algorithm, token.signed_text, token.signature))
                continue;
            auto claims = Value::parse_json(token.payload, claims_depth);
            if (!claims || claims->kind() != Value::Kind::table)
                return Error { "its payload is no JSON object" };
            return claims;
        }
    }
    if (!has_key)
        return Error { token.key_id.empty()
                ? "the key file has no key for " + shown(token.algorithm)
                : "the key file has no key " + shown(token.key_id) + " for "
                    + shown(token.algorithm) };
    return Error { "its signature is wrong" };
}

Verdict judge(const Value& claims, std::string_view user, const Rules& rules, WallTime now)
{
    // The dates last: that a token has expired is for whom it was good before.
    if (auto verdict = check_account(claims, user, rules))
        return *std::move(verdict);
    if (auto verdict = check_origin(claims, rules))
        return *std::move(verdict);
    if (auto verdict = check_dates(claims, rules, now))
        return *std::move(verdict);
    return { Verdict::Kind::accepted };
}

}
