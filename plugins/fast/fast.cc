// XEP-0484: Fast Authentication Streamlining Tokens: keeps the tokens; the kernel speaks FAST.
#include "key.h"
#include "tokens.h"

#include <nuncio/crypto.h>
#include <nuncio/date.h>
#include <nuncio/plugin.h>
#include <nuncio/turns.h>

#include <algorithm>

namespace nuncio::fast {

constexpr std::size_t id_bytes = 16;

struct Settings {
    Duration lifetime = 21 * 24h;
    Duration rotation = 24h;
    Duration unmarked_lifetime = 90 * 24h;
    std::uint32_t clients = 32;
};

class Fast final : public Plugin, public LoginTokens {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Known clients log in with a token, in one round trip")
            .option("lifetime", &Settings::lifetime,
                "How long a client may stay away before it needs its password again.")
            .range(60, 1e9)
            .option("rotation", &Settings::rotation,
                "The age at which a token is replaced when its client comes.")
            .range(0, 1e9)
            .option("unmarked_lifetime", &Settings::unmarked_lifetime,
                "After how long a client needs its password again, however often it comes, where "
                "the auth backend cannot tell that the password was changed.")
            .range(60, 1e10)
            .option("clients", &Settings::clients,
                "Clients of one account that may have tokens. One more takes the place of the one "
                "whose tokens end first.")
            .range(1, 400);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.rotation >= settings_.lifetime)
            return config.error("rotation", "must be less than the lifetime");
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        auto key = load_key(context.data_folder());
        if (!key)
            return key.error();
        key_ = *std::move(key);
        store_ = context.store("fast");
        context.provide<LoginTokens>(*this);
        context.on<PasswordChanged>([this](PasswordChanged& event) {
            context_->spawn(forget(std::string(event.account.jid().text())));
            return Flow::next;
        });
        const CommandArgument jid {
            .name = "jid", .type = CommandArgument::Type::jid, .doc = "the account"
        };
        context.command({ .name = "token list",
                            .summary = "The clients of an account that may log in with a token",
                            .arguments = { jid },
                            .reach = Reach::host },
            [this](const CommandCall& call) { return list(std::string(call.text("jid"))); });
        context.command({ .name = "token revoke",
                            .summary = "Take the tokens of an account's clients from them",
                            .arguments = { jid,
                                { .name = "client",
                                    .doc = "one of `token list`; all of them otherwise",
                                    .required = false } },
                            .reach = Reach::host },
            [this](const CommandCall& call) {
                return revoke(std::string(call.text("jid")), std::string(call.text("client")));
            });
        return {};
    }

    // LoginTokens
    task<Result<std::vector<LoginToken>>> find(LoginClient client, std::string mechanism) override
    {
        std::vector<LoginToken> found;
        const auto place = place_of(client);
        if (!place)
            co_return found;
        const auto tokens = co_await load(*place);
        if (!tokens)
            co_return tokens.error();
        const WallTime now = Loop::current()->wall_time();
        // §5.1: the new one first.
        for (const auto& token : { tokens->fresh, tokens->current })
            if (token && token->mechanism == mechanism)
                found.push_back(
                    { token->id, derive_secret(key_, place->owner, place->key, token->id),
                        token->expires_at <= now });
        co_return found;
    }

    task<Result<bool>> use(LoginClient client, std::string id, LoginTokenUse how) override
    {
        const auto place = place_of(client);
        if (!place)
            co_return place.error();
        const auto turn = co_await turns_.take(place->owner);
        auto tokens = co_await load(*place);
        if (!tokens)
            co_return tokens.error();
        const auto mark = seal_mark(key_, place->owner, how.password_mark);
        if (const Sweep sweep = drop_stale(*tokens, id, mark); sweep.has_changed) {
            const auto kept = co_await keep(*place, *tokens);
            if (!kept)
                co_return kept.error();
            // §4.2: a token that is not trusted any more.
            if (sweep.took_it)
                co_return Error { "the password was changed since it was issued",
                    Error::Kind::expired };
        }
        const auto used
            = fast::use(*tokens, id, how, Loop::current()->wall_time(), settings_.rotation);
        if (!used)
            co_return used.error();
        if (used->has_changed) {
            const auto kept = co_await keep(*place, *tokens);
            if (!kept)
                co_return kept.error();
        }
        co_return used->is_due;
    }

    task<Result<IssuedToken>> issue(LoginClient client, NewLoginToken wanted) override
    {
        const auto place = place_of(client);
        if (!place)
            co_return place.error();
        const auto turn = co_await turns_.take(place->owner);
        auto tokens = co_await load(*place);
        if (!tokens)
            co_return tokens.error();
        Token token { .id = to_hex(random_bytes(id_bytes)),
            .mechanism = std::move(wanted.mechanism),
            .password_mark = seal_mark(key_, place->owner, wanted.password_mark) };
        const auto added = add(*tokens, std::move(token), wanted.replaces,
            Loop::current()->wall_time(), { settings_.lifetime, settings_.unmarked_lifetime });
        if (!added)
            co_return added.error();
        tokens->software = std::move(client.software);
        tokens->device = std::move(client.device);
        auto steps = co_await room_for(*place);
        if (!steps)
            co_return steps.error();
        StorageOp put;
        put.kind = StorageOp::Kind::put;
        put.owner = place->owner;
        put.key = place->key;
        put.value = to_text(*tokens);
        steps->push_back(std::move(put));
        const auto kept = co_await store_.batch(*std::move(steps));
        if (!kept)
            co_return kept.error();
        co_return IssuedToken { derive_secret(key_, place->owner, place->key, tokens->fresh->id),
            tokens->fresh->expires_at };
    }

    /// Nothing is handed over. But turns are taken by the generation, so that two of them must not
    /// serve side by side.
    void save(Snapshot&) const override { }

private:
    /// Where the tokens of a client lie.
    struct Place {
        std::string owner; ///< the account
        std::string key; ///< a digest of the client's id, which is nobody else's business
    };

    Result<Place> place_of(const LoginClient& client) const
    {
        const auto jid = Jid::make(client.user, context_->host().domain());
        if (client.user.empty() || !jid)
            return Error { "no account can have that name", Error::Kind::refused };
        return Place { jid->text(), to_hex(digest(Hash::sha256, client.id)) };
    }

    task<Result<Tokens>> load(Place place)
    {
        const auto text = co_await store_.get(place.owner, place.key);
        if (!text)
            co_return text.error();
        if (!*text)
            co_return Tokens();
        auto tokens = read_tokens(**text);
        if (tokens)
            co_return tokens;
        // The client comes in by its password, and is given a new one.
        context_->log().error("{}: {}", place.owner, tokens.error().text);
        co_return Tokens();
    }

    task<Result<void>> keep(Place place, Tokens tokens)
    {
        if (tokens.empty())
            co_return co_await store_.remove(std::move(place.owner), std::move(place.key));
        co_return co_await store_.put(
            std::move(place.owner), std::move(place.key), to_text(tokens));
    }

    /// The steps that make room for the tokens of one client more.
    task<Result<std::vector<StorageOp>>> room_for(Place place)
    {
        std::vector<StorageOp> steps;
        const auto rows = co_await store_.list(place.owner);
        if (!rows)
            co_return rows.error();
        std::vector<std::pair<WallTime, std::string>> others;
        for (const StorageRow& row : *rows) {
            if (row.key == place.key)
                continue;
            const auto tokens = read_tokens(row.value);
            others.emplace_back(tokens ? tokens->end() : WallTime(), row.key);
        }
        std::ranges::sort(others);
        for (std::size_t i = 0; i + settings_.clients <= others.size(); ++i) {
            StorageOp step;
            step.kind = StorageOp::Kind::remove;
            step.owner = place.owner;
            step.key = others[i].second;
            steps.push_back(std::move(step));
        }
        co_return steps;
    }

    /// Whoever knew the old password may have been somebody else.
    task<void> forget(std::string owner)
    {
        const auto turn = co_await turns_.take(owner);
        const auto done = co_await store_.remove(owner, {});
        if (!done)
            context_->log().error("the tokens of {} are still good: {}", owner, done.error().text);
    }

    task<Result<Value>> list(std::string account)
    {
        const auto jid = Jid::parse(account);
        if (!jid)
            co_return jid.error();
        const auto rows = co_await store_.list(jid->text());
        if (!rows)
            co_return rows.error();
        Value::Array clients;
        for (const StorageRow& row : *rows) {
            const auto tokens = read_tokens(row.value);
            if (!tokens || tokens->empty())
                continue; // damaged: it opens nothing
            const Token& last = tokens->fresh ? *tokens->fresh : *tokens->current;
            Value client;
            client["client"] = std::string_view(row.key).substr(0, shown_bytes);
            client["software"] = tokens->software;
            client["device"] = tokens->device;
            client["mechanism"] = last.mechanism;
            client["issued"] = utc_text(last.issued_at);
            client["expires"] = utc_text(tokens->end());
            clients.push_back(std::move(client));
        }
        co_return Value(std::move(clients));
    }

    task<Result<Value>> revoke(std::string account, std::string client)
    {
        const auto jid = Jid::parse(account);
        if (!jid)
            co_return jid.error();
        const std::string owner = jid->text();
        const auto turn = co_await turns_.take(owner);
        const auto rows = co_await store_.list(owner);
        if (!rows)
            co_return rows.error();
        std::int64_t count = 0;
        std::vector<StorageOp> steps;
        for (const StorageRow& row : *rows)
            if (client.empty() || std::string_view(row.key).substr(0, shown_bytes) == client) {
                StorageOp step;
                step.kind = StorageOp::Kind::remove;
                step.owner = owner;
                step.key = row.key;
                steps.push_back(std::move(step));
                ++count;
            }
        if (count == 0 && !client.empty())
            co_return Error { owner + " has no client " + client + " with tokens",
                Error::Kind::not_found };
        if (count > 0) {
            const auto done = co_await store_.batch(std::move(steps));
            if (!done)
                co_return done.error();
        }
        Value answer;
        answer["revoked"] = count;
        co_return answer;
    }

    static constexpr std::size_t shown_bytes = 12; // of a client's key, in lists

    Settings settings_;
    Context* context_ = nullptr;
    std::string key_;
    Store store_;
    Turns turns_;
};

}

NUNCIO_PLUGIN(nuncio::fast::Fast, "fast", "0.1.0",
    "XEP-0484: Fast Authentication Streamlining Tokens",
    "provides=login-tokens/1\nrequires=storage/1")
