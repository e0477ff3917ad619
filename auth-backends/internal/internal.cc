// auth/1 over the host's own storage: accounts as SCRAM keys, without passwords.
#include "record.h"

#include <nuncio/plugin.h>
#include <nuncio/turns.h>

namespace nuncio::internal {

struct Settings {
    std::uint32_t iterations = 10000;
    std::uint32_t cache = 256;
};

class Internal final : public Plugin, public AuthBackend {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Accounts in the host's own storage")
            .option("iterations", &Settings::iterations,
                "Rounds of PBKDF2 for passwords set from now on: dearer for an attacker with the "
                "database, and for every login with PLAIN.")
            .range(scram_min_iterations, 10'000'000)
            .option("cache", &Settings::cache, "How many accounts' keys are kept in memory.")
            .range(0, 10'000'000);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        cache_.emplace(settings_.cache);
        store_ = context.store("accounts");
        context.provide<AuthBackend>(*this);
        return {};
    }

    AuthAbilities abilities() const override
    {
        return { .check_password = true,
            .scram_sha1 = true,
            .scram_sha256 = true,
            .scram_sha512 = true,
            .set_password = true,
            .create = true,
            .remove = true,
            .list = true,
            .set_scram_keys = true,
            .scram_iterations = settings_.iterations,
            .scram_varies = true,
            .import_keys = true };
    }

    task<Result<bool>> exists(std::string user) override
    {
        const auto record = co_await load(std::move(user));
        if (!record)
            co_return record.error();
        co_return record->has_value();
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        auto record = co_await load(std::move(user));
        if (!record)
            co_return record.error();
        const auto prepared = prepare_password(password);
        if (!prepared)
            co_return false;
        // Nobody's keys match nothing, but take as long: the answer's delay tells no names.
        const auto hash = *record ? (*record)->checked() : ScramHash::sha256;
        const ScramKeys keys = *record
            ? (*record)->of(hash)
            : ScramKeys { "nobody's salt...", {}, {}, settings_.iterations };
        auto match = [password = *prepared, keys, hash] {
            return matches_scram_keys(password, keys, hash);
        };
        co_return co_await context_->work(std::move(match));
    }

    task<Result<std::optional<ScramKeys>>> scram_keys(std::string user, ScramHash hash) override
    {
        const auto record = co_await load(std::move(user));
        if (!record)
            co_return record.error();
        if (!*record || !(*record)->has(hash))
            co_return std::optional<ScramKeys>();
        co_return std::optional((*record)->of(hash));
    }

    task<Result<void>> set_scram_keys(std::string user, ScramHash hash, ScramKeys keys) override
    {
        const auto turn = co_await turns_.take(user);
        auto record = co_await load(user);
        if (!record)
            co_return record.error();
        if (!*record)
            co_return nobody(user);
        // Keys that are as good already are of a password that may have been changed meanwhile.
        if ((*record)->has(hash) && (*record)->of(hash).iterations >= keys.iterations)
            co_return Error { user + " has such keys already", Error::Kind::conflict };
        (*record)->of(hash) = std::move(keys);
        co_return co_await put(StorageOp::Kind::replace, user, **record);
    }

    task<Result<void>> import_keys(
        std::string user, ScramKeySet keys, ExistingAccount existing) override
    {
        Record record { .password_id = make_password_id() };
        bool has_keys = false;
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (keys[i]) {
                record.keys[i] = *std::move(keys[i]);
                has_keys = true;
            }
        if (!has_keys)
            co_return Error { user + ": expected keys of at least one hash" };
        const auto kind
            = existing == ExistingAccount::replace ? StorageOp::Kind::put : StorageOp::Kind::create;
        const auto turn = co_await turns_.take(user);
        co_return co_await put(kind, user, std::move(record));
    }

    task<Result<void>> create(std::string user, std::string password) override
    {
        return write(StorageOp::Kind::create, std::move(user), std::move(password));
    }

    task<Result<void>> set_password(std::string user, std::string password) override
    {
        return write(StorageOp::Kind::replace, std::move(user), std::move(password));
    }

    task<Result<void>> remove(std::string user) override
    {
        const auto turn = co_await turns_.take(user);
        const auto removed = co_await store_.remove({}, user);
        cache_->forget(user);
        co_return removed;
    }

    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override
    {
        std::vector<StorageOp> steps(1);
        steps[0] = { .kind = StorageOp::Kind::list, .key = std::move(after), .limit = limit };
        auto answers = co_await store_.batch(std::move(steps));
        if (!answers)
            co_return answers.error();
        std::vector<std::string> users;
        for (StorageRow& row : answers->front())
            users.push_back(std::move(row.key));
        co_return users;
    }

    task<Result<std::optional<std::string>>> password_mark(std::string user) override
    {
        const auto record = co_await load(std::move(user));
        if (!record)
            co_return record.error();
        if (!*record)
            co_return std::optional<std::string>();
        const std::string& id = (*record)->password_id;
        co_return std::optional(id.empty() ? std::string("before there were any") : id);
    }

    /// Nothing is handed over. But a password that is being changed must not meet the cache of the
    /// next generation: what is under way ends first.
    void save(Snapshot&) const override { }

private:
    task<Result<std::optional<Record>>> load(std::string user)
    {
        if (auto cached = cache_->find(user))
            co_return *std::move(cached);
        const auto changes = cache_->changes();
        const auto text = co_await store_.get({}, user);
        if (!text)
            co_return text.error();
        if (!*text) {
            cache_->insert(user, std::nullopt, changes);
            co_return std::optional<Record>();
        }
        auto record = read_record(**text);
        if (!record)
            co_return Error { user + ": " + record.error().text, record.error().kind };
        cache_->insert(user, *record, changes);
        co_return std::optional(std::move(*record));
    }

    task<Result<void>> write(StorageOp::Kind kind, std::string user, std::string password)
    {
        const auto prepared = prepare_password(password);
        if (!prepared)
            co_return prepared.error();
        // COMPAT(g++ 12): a lambda written inside a co_await is destroyed twice, so it has a name.
        auto derive = [password = *prepared, iterations = settings_.iterations] {
            return make_record(password, iterations);
        };
        const Record record = co_await context_->work(std::move(derive));
        const auto turn = co_await turns_.take(user);
        co_return co_await put(kind, user, record);
    }

    static Error nobody(const std::string& user)
    {
        return { "there is no account " + user, Error::Kind::not_found };
    }

    /// In the user's turn.
    task<Result<void>> put(StorageOp::Kind kind, std::string user, Record record)
    {
        std::vector<StorageOp> steps(1);
        steps[0] = { .kind = kind, .key = user, .value = to_text(record) };
        const auto done = co_await store_.batch(std::move(steps));
        cache_->forget(user);
        if (done)
            co_return {};
        switch (done.error().kind) {
        case Error::Kind::conflict:
            co_return Error { "the account " + user + " exists already", Error::Kind::conflict };
        case Error::Kind::not_found:
            co_return nobody(user);
        default:
            co_return done.error();
        }
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store store_;
    std::optional<RecordCache> cache_;
    Turns turns_;
};

}

NUNCIO_PLUGIN(nuncio::internal::Internal, "internal", "0.1.0",
    "Accounts in the host's own storage, as SCRAM keys", "provides=auth/1\nrequires=storage/1")
