#include "tokens.h"

#include <nuncio/value.h>

#include <algorithm>

namespace nuncio::fast {

namespace {

    Value to_value(const Token& token)
    {
        Value value;
        value["id"] = token.id;
        value["mechanism"] = token.mechanism;
        value["issued"] = std::int64_t(token.issued_at.time_since_epoch().count());
        value["expires"] = std::int64_t(token.expires_at.time_since_epoch().count());
        value["count"] = std::int64_t(token.count);
        value["mark"] = token.password_mark;
        value["proved"] = std::int64_t(token.proved_at.time_since_epoch().count());
        return value;
    }

    std::string text_of(const Value& value, std::string_view name)
    {
        const Value* found = value.find(name);
        return found && found->kind() == Value::Kind::string ? found->as_string() : std::string();
    }

    std::int64_t number_of(const Value& value, std::string_view name)
    {
        const Value* found = value.find(name);
        return found && found->kind() == Value::Kind::integer ? found->as_integer() : 0;
    }

    std::optional<Token> read_token(const Value* value)
    {
        if (!value)
            return {};
        const auto time = [&](std::string_view name) {
            return WallTime(std::chrono::milliseconds(number_of(*value, name)));
        };
        Token token { text_of(*value, "id"), text_of(*value, "mechanism"), time("issued"),
            time("expires"), static_cast<std::uint32_t>(number_of(*value, "count")),
            text_of(*value, "mark"), time("proved") };
        if (token.id.empty() || token.mechanism.empty())
            return {};
        return token;
    }

}

WallTime Tokens::end() const
{
    WallTime last {};
    for (const auto& token : { current, fresh })
        if (token)
            last = std::max(last, token->expires_at);
    return last;
}

Sweep drop_stale(Tokens& tokens, std::string_view id, std::string_view password_mark)
{
    Sweep sweep;
    for (auto* token : { &tokens.current, &tokens.fresh }) {
        if (!*token || (*token)->password_mark == password_mark)
            continue;
        sweep.took_it |= (*token)->id == id;
        sweep.has_changed = true;
        token->reset();
    }
    return sweep;
}

Result<void> add(Tokens& tokens, Token token, std::string_view replaces, WallTime now,
    const Lifetimes& lifetimes)
{
    token.issued_at = now;
    token.proved_at = now;
    const bool is_there = tokens.current && tokens.current->id == replaces;
    if (is_there)
        token.proved_at = tokens.current->proved_at;
    // §3.6: one that was given back for another is gone, and with it since when it may be renewed.
    else if (!replaces.empty() && token.password_mark.empty())
        return Error { "nobody knows when the password was proved", Error::Kind::refused };
    const auto after = [](WallTime time, Duration duration) {
        return time + std::chrono::floor<std::chrono::milliseconds>(duration);
    };
    token.expires_at = after(now, lifetimes.token);
    if (token.password_mark.empty())
        token.expires_at = std::min(token.expires_at, after(token.proved_at, lifetimes.unmarked));
    tokens.fresh = std::move(token);
    return {};
}

Result<Use> use(
    Tokens& tokens, std::string_view id, const LoginTokenUse& how, WallTime now, Duration rotation)
{
    const bool is_fresh = tokens.fresh && tokens.fresh->id == id;
    if (!is_fresh && !(tokens.current && tokens.current->id == id))
        return Error { "it was replaced or revoked meanwhile", Error::Kind::refused };
    Token token = is_fresh ? *tokens.fresh : *tokens.current;
    if (token.expires_at <= now)
        return Error { "it has expired", Error::Kind::refused };
    // §3.4: a count that was there already is a replay.
    if (how.count && *how.count <= token.count)
        return Error { "its use was counted before", Error::Kind::refused };

    Use result;
    result.is_due = now - token.issued_at >= rotation;
    // §3.6. What was given out and not used yet goes, too: who logs out wants no token at all.
    if (how.invalidates) {
        tokens.current.reset();
        tokens.fresh.reset();
        result.has_changed = true;
        return result;
    }
    result.has_changed = is_fresh || how.count;
    token.count = how.count.value_or(token.count);
    // §3.5: the first use of a new token ends the one before it.
    tokens.current = std::move(token);
    if (is_fresh)
        tokens.fresh.reset();
    return result;
}

std::string to_text(const Tokens& tokens)
{
    Value value { Value::Table() };
    if (tokens.current)
        value["current"] = to_value(*tokens.current);
    if (tokens.fresh)
        value["new"] = to_value(*tokens.fresh);
    value["software"] = tokens.software;
    value["device"] = tokens.device;
    return value.json();
}

Result<Tokens> read_tokens(std::string_view text)
{
    const auto value = Value::parse_json(text);
    if (!value)
        return Error { "tokens are damaged: " + value.error().text, Error::Kind::unavailable };
    return Tokens { read_token(value->find("current")), read_token(value->find("new")),
        text_of(*value, "software"), text_of(*value, "device") };
}

}
