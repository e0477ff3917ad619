// auth/1 over JSON Web Tokens (RFC 7519): who somebody is, a signature says.
#include "key_file.h"
#include "token.h"

#include <nuncio/plugin.h>
#include <nuncio/seen_users.h>

#include <algorithm>
#include <atomic>

namespace nuncio::jwt {

namespace {

    constexpr std::size_t most_token_bytes = 4096; // as long as a password of PLAIN may be
    constexpr std::size_t cached_users = 4096;

}

struct Settings {
    std::string key_file;
    std::vector<std::string> algorithms { "RS256" };
    std::string account_claim = "sub";
    std::vector<std::string> issuers {};
    std::vector<std::string> audiences {};
    bool require_expiry = true;
    Duration leeway = 30s;
    Duration max_age {};
    Bytes token_bytes { most_token_bytes };
    std::string accounts = "seen";
};

class Jwt final : public Plugin, public AuthBackend {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Tokens (RFC 7519) instead of passwords")
            .option("key_file", &Settings::key_file,
                "What tokens are verified with: public keys or certificates (PEM), a JWK or a JWK "
                "set, or for HS256, HS384, HS512 a secret. A file that takes its place is taken up "
                "at once.")
            .option("algorithms", &Settings::algorithms,
                "How tokens may be signed: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
                "ES512, EdDSA, HS256, HS384, HS512.")
            .option("account_claim", &Settings::account_claim,
                "The claim that says whose a token is: the user's name, or user@host.")
            .option("issuers", &Settings::issuers,
                "Whose tokens are accepted (iss); empty: those of whoever has the key.")
            .option("audiences", &Settings::audiences,
                "Whom a token must be made for (aud), one of these. Empty: it may leave that open, "
                "or name the host.")
            .option("require_expiry", &Settings::require_expiry,
                "Refuse tokens that never expire (without exp).")
            .option("leeway", &Settings::leeway, "How much clocks may differ.")
            .range(0, 600)
            .option("max_age", &Settings::max_age,
                "How long a token is good after it was issued (iat), whatever its expiry; 0s: its "
                "expiry decides.")
            .range(0, 10 * 365 * 86400.0)
            .option("token_bytes", &Settings::token_bytes, "The longest token that is looked at.")
            .range(64, most_token_bytes)
            .option("accounts", &Settings::accounts,
                "seen: whoever has come in once has an account. all: every name is one, and "
                "messages are kept for it.")
            .choices({ "seen", "all" });
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (!settings_.key_file.starts_with('/'))
            return config.error("key_file",
                "expected the full path of a file with keys, as in key_file = "
                "\"/etc/nuncio/jwt.pem\"");
        if (settings_.algorithms.empty())
            return config.error("algorithms", "expected at least one, such as \"RS256\"");
        for (const std::string& name : settings_.algorithms)
            if (!is_algorithm(name))
                return config.error("algorithms",
                    '"' + name
                        + "\" is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, "
                          "ES384, ES512, EdDSA, HS256, HS384, HS512");
        if (settings_.account_claim.empty())
            return config.error("account_claim", "expected a claim's name, such as \"sub\"");
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        rules_ = { .domain = std::string(context.host().domain()),
            .algorithms = settings_.algorithms,
            .account_claim = settings_.account_claim,
            .issuers = settings_.issuers,
            .audiences = settings_.audiences,
            .leeway = settings_.leeway,
            .max_age = settings_.max_age,
            .requires_expiry = settings_.require_expiry };
        // With nothing but HS… a file that is neither PEM nor JSON is the secret itself.
        const bool may_be_secret = std::ranges::all_of(
            settings_.algorithms, [](const std::string& name) { return name.starts_with("HS"); });
        keys_.emplace(settings_.key_file, may_be_secret, context.log());
        users_.emplace(context.store("accounts"), cached_users);
        context.provide<AuthBackend>(*this);
        context.command(
            { .name = "jwt check",
                .summary = "Why a token lets a user in, or does not",
                .arguments = { { .name = "jid", .type = CommandArgument::Type::jid },
                    { .name = "token", .doc = "asked for when it is left out", .secret = true } } },
            [this](const CommandCall& call) {
                return explain(std::string(call.text("jid")), std::string(call.text("token")));
            });
        context.spawn(look_at_keys());
        return {};
    }

    AuthAbilities abilities() const override
    {
        const bool is_seen = settings_.accounts == "seen";
        return { .check_password = true, .remove = is_seen, .list = is_seen };
    }

    task<Result<bool>> exists(std::string user) override
    {
        if (settings_.accounts == "all")
            co_return true;
        const auto is_known = co_await users_->contains(std::move(user));
        co_return is_known;
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        // Of a chain of backends this may be the wrong one: who is asked about an ordinary password
        // has nothing to say of it.
        if (!looks_like_token(password))
            co_return false;
        const auto verdict = co_await examine(user, std::move(password));
        if (!verdict)
            co_return verdict.error();
        switch (verdict->kind) {
        case Verdict::Kind::refused:
            ++refused_;
            context_->log().info("a token for {} is refused: {}", user, verdict->text);
            co_return false;
        case Verdict::Kind::expired:
            ++refused_;
            co_return Error { "a token of " + user + " is refused: " + verdict->text,
                Error::Kind::expired };
        case Verdict::Kind::accepted:
            break;
        }
        ++accepted_;
        if (settings_.accounts == "seen") {
            const auto kept = co_await users_->add(std::move(user));
            if (!kept)
                co_return kept.error();
        }
        co_return true;
    }

    task<Result<void>> remove(std::string user) override
    {
        const auto removed = co_await users_->remove(std::move(user));
        co_return removed;
    }

    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override
    {
        auto users = co_await users_->list(std::move(after), limit);
        co_return users;
    }

    Value health() const override
    {
        const auto keys = keys_->current();
        const std::string trouble = keys_->trouble();
        Value table;
        table["state"] = trouble.empty() ? "ok" : "failing";
        table["key_file"] = settings_.key_file;
        table["keys"] = std::uint64_t(keys ? keys->keys.size() : 0);
        table["accepted"] = std::uint64_t(accepted_.load());
        table["refused"] = std::uint64_t(refused_.load());
        if (!trouble.empty())
            table["last_error"] = trouble;
        return table;
    }

    /// Nothing is handed over. But whoever comes in must not be written down by one generation
    /// while the next has forgotten them: what is under way ends first.
    void save(Snapshot&) const override { }

private:
    task<Result<Verdict>> examine(std::string user, std::string token)
    {
        if (token.size() > settings_.token_bytes.count)
            co_return Verdict { Verdict::Kind::refused,
                "it is longer than token_bytes (" + std::to_string(settings_.token_bytes.count)
                    + ')' };
        // In the worker pool. One RS256 signature would not need it (13 µs for 2048 bits, on a
        // machine where ES256 takes 61, EdDSA 100 and ES384 660), but a token that names no key is
        // tried with each that fits, and the key file is looked at, which may be on a slow disk.
        auto look = [this, user = std::move(user), text = std::move(token),
                        now = Loop::current()->wall_time()]() -> Result<Verdict> {
            const auto keys = keys_->current();
            if (!keys)
                return Error { settings_.key_file + ": " + keys_->trouble(),
                    Error::Kind::unavailable };
            return verdict_on(text, *keys, user, now);
        };
        const auto verdict = co_await context_->work(std::move(look));
        co_return verdict;
    }

    Verdict verdict_on(
        const std::string& text, const KeySet& keys, const std::string& user, WallTime now) const
    {
        const auto token = read_token(text);
        if (!token)
            return { Verdict::Kind::refused, token.error().text };
        const auto claims = verify(*token, keys, rules_);
        if (!claims)
            return { Verdict::Kind::refused, claims.error().text };
        return judge(*claims, user, rules_, now);
    }

    /// Tells the administrator at the start what users would find out later.
    task<void> look_at_keys()
    {
        auto look = [this] { return keys_->current() != nullptr; };
        co_await context_->work(std::move(look));
    }

    task<Result<Value>> explain(std::string address, std::string token)
    {
        const auto jid = Jid::parse(address);
        if (!jid)
            co_return jid.error();
        const auto verdict = co_await examine(std::string(jid->local()), std::move(token));
        if (!verdict)
            co_return verdict.error();
        Value answer;
        answer["user"] = jid->bare_text();
        answer["accepted"] = verdict->kind == Verdict::Kind::accepted;
        if (!verdict->text.empty())
            answer["why"] = verdict->text;
        co_return answer;
    }

    Settings settings_;
    Context* context_ = nullptr;
    Rules rules_;
    std::optional<SeenUsers> users_;
    mutable std::optional<KeyFile> keys_; // health looks at the file, too
    std::atomic<std::uint64_t> accepted_ = 0;
    std::atomic<std::uint64_t> refused_ = 0;
};

}

NUNCIO_PLUGIN(nuncio::jwt::Jwt, "jwt", "0.1.0", "Tokens (JWT) instead of passwords",
    "provides=auth/1\nrequires=storage/1")
