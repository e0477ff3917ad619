// auth/1 over an SQL database: nuncio's own tables, or those that a site already has.
#include "account_row.h"
#include "decoy.h"
#include "derived_keys.h"
#include "own_tables.h"
#include "settings.h"

#include <nuncio/connection_pool.h>
#include <nuncio/crypto.h>
#include <nuncio/jid.h>
#include <nuncio/plugin.h>

#include <algorithm>
#include <atomic>
#include <unordered_map>

namespace nuncio::sql {

namespace {

    /// Upgrades under way at once; who finds no place is upgraded at the next login.
    constexpr int max_upgrades = 8;
    /// Users who are switched off and have begun to prove who they are. Beyond it they hear that
    /// the password is wrong.
    constexpr std::size_t max_barred = 1000;

    Error no_account(const std::string& user)
    {
        return { "there is no account " + user, Error::Kind::not_found };
    }

    /// A database may repeat what it was given; a password is not for a log.
    std::string without(std::string text, const Values& values)
    {
        for (const std::string_view name : { "password", "old_password" }) {
            const auto value = values.find(name);
            const auto* secret
                = value == values.end() ? nullptr : std::get_if<std::string>(&value->second);
            if (!secret || secret->empty())
                continue;
            for (auto at = text.find(*secret); at != text.npos; at = text.find(*secret, at + 3))
                text.replace(at, secret->size(), "***");
        }
        return text;
    }

    struct Understood {
        AccountRow row;
        std::vector<Secret> secrets; // as many as the row's passwords
    };

    bool is_locked(const std::vector<Secret>& secrets)
    {
        return std::ranges::all_of(
            secrets, [](const Secret& one) { return std::holds_alternative<NoSecret>(one); });
    }

    bool matches_any(const std::vector<Secret>& secrets, const std::string& password)
    {
        // All of them: which one was right is nobody's business, either.
        bool is_right = false;
        for (const Secret& secret : secrets)
            is_right |= matches(secret, password);
        return is_right;
    }

}

class Sql final : public Plugin, public AuthBackend {
public:
    static Schema schema() { return make_schema(); }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        auto plan = make_plan(settings_, config);
        if (!plan)
            return plan.error();
        plan_ = *std::move(plan);
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        domain_ = context.host().domain();
        auto secret = DerivedKeys::load_secret(context.data_folder());
        if (!secret)
            return secret.error();
        secret_ = *secret;
        derived_.emplace(*std::move(secret), settings_.iterations, settings_.cache);
        decoy_.emplace(plan_.new_password);
        const ConnectionPoolOptions options { .name = "sql",
            .connections = settings_.connections,
            .queue = settings_.queue,
            .timeout = settings_.timeout,
            .breaker = { .longest_rest = settings_.longest_rest } };
        pool_.emplace(context, options, [this] { return connect(); });
        context.on<AuthenticationProved>(
            [this](AuthenticationProved& event) { return bar(event); });
        context.provide<AuthBackend>(*this);
        context.spawn(try_out());
        return {};
    }

    AuthAbilities abilities() const override
    {
        const Queries& queries = plan_.queries;
        // Only where everybody has keys: a client that finds SCRAM offered tries nothing else.
        const bool has_keys = queries.has(Role::password)
            && std::ranges::all_of(plan_.formats,
                [](Format format) { return format == Format::scram || format == Format::plain; });
        return { .check_password = true,
            .scram_sha1 = has_keys && keeps(ScramHash::sha1),
            .scram_sha256 = has_keys && keeps(ScramHash::sha256),
            .scram_sha512 = has_keys && keeps(ScramHash::sha512),
            .set_password = queries.has(Role::set),
            .create = queries.has(Role::create),
            .remove = queries.has(Role::remove),
            .list = queries.has(Role::list),
            .set_scram_keys = can_add_keys(),
            .scram_varies = has_keys && can_import_keys(),
            .import_keys = can_import_keys() };
    }

    task<Result<bool>> exists(std::string user) override
    {
        if (!plan_.queries.has(Role::exists)) {
            const auto row = co_await load(std::move(user));
            if (!row)
                co_return row.error();
            co_return row->has_value();
        }
        const auto answer = co_await run(Role::exists, values_of(user), max_rows_of_user);
        if (!answer)
            co_return answer.error();
        co_return !answer->rows.empty();
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        if (plan_.queries.has(Role::check)) {
            const auto right = co_await ask_database(std::move(user), std::move(password));
            co_return right;
        }
        auto known = co_await understand(user);
        if (!known)
            co_return known.error();
        auto compare
            = [this, password, secrets = *known ? (*known)->secrets : std::vector<Secret>()] {
                  // A locked account must not be quicker than one that is not there.
                  if (is_locked(secrets)) {
                      (void)matches(*decoy_->secret(), password);
                      return false;
                  }
                  decoy_->resemble(secrets.front());
                  return matches_any(secrets, password);
              };
        const bool is_right = co_await context_->work(std::move(compare));
        if (!is_right)
            co_return false;
        const AccountRow& row = (*known)->row;
        if (auto refusal = refusal_of(row, user))
            co_return *std::move(refusal);
        if (settings_.upgrade && needs_upgrade(**known) && upgrading_ < max_upgrades)
            context_->spawn(upgrade(std::move(user), std::move(password), row.passwords.front()));
        co_return true;
    }

    task<Result<std::optional<ScramKeys>>> scram_keys(std::string user, ScramHash hash) override
    {
        using Keys = std::optional<ScramKeys>;
        if (!plan_.queries.has(Role::password)
            || (!has(plan_.formats, Format::scram) && !has(plan_.formats, Format::plain)))
            co_return Keys();
        const auto known = co_await understand(user);
        if (!known)
            co_return known.error();
        if (!*known || !admit((*known)->row, user))
            co_return Keys();
        for (const Secret& secret : (*known)->secrets) {
            if (const auto* scram = std::get_if<ScramSecret>(&secret))
                if (const auto& keys = scram->keys[static_cast<std::size_t>(hash)])
                    co_return keys;
            if (const auto* plain = std::get_if<PlainSecret>(&secret)) {
                if (auto kept = derived_->find(user, hash, plain->password))
                    co_return kept;
                auto derive = [this, user, hash, password = plain->password] {
                    return derived_->make(user, hash, password);
                };
                auto made = co_await context_->work(std::move(derive));
                if (!made)
                    co_return made.error();
                co_return Keys(*std::move(made));
            }
        }
        co_return Keys();
    }

    task<Result<void>> set_password(std::string user, std::string password) override
    {
        auto values = co_await values_for_new(user, std::move(password));
        if (!values)
            co_return values.error();
        const auto written = co_await run(Role::set, *std::move(values), 0);
        if (!written)
            co_return written.error();
        if (written->changed > 0)
            co_return {};
        // Some drivers do not count rows, or leave out those that were the same before.
        const auto known = co_await exists(user);
        if (!known)
            co_return known.error();
        if (!*known)
            co_return no_account(user);
        co_return {};
    }

    task<Result<void>> create(std::string user, std::string password) override
    {
        auto values = co_await values_for_new(user, std::move(password));
        if (!values)
            co_return values.error();
        const auto text = std::get<std::string>((*values)["password"]);
        const auto made = co_await run(Role::create, *std::move(values), 0);
        if (made)
            co_return {};
        if (made.error().kind != Error::Kind::conflict)
            co_return made.error();
        // The connection may have broken after the first try had been carried out: then it is our
        // own row, with our own salt, that is in the way of the second.
        const auto row = co_await load(user);
        const bool is_ours = row && *row && plan_.new_password.format != Format::plain
            && (*row)->passwords.front().password == text;
        if (is_ours)
            co_return {};
        co_return Error { "the account " + user + " exists already", Error::Kind::conflict };
    }

    task<Result<void>> remove(std::string user) override
    {
        const auto removed = co_await run(Role::remove, values_of(user), 0);
        if (!removed)
            co_return removed.error();
        co_return {};
    }

    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override
    {
        Values values { { "domain", domain_ }, { "after", std::move(after) },
            { "limit", std::int64_t(limit) } };
        auto answer = co_await run(Role::list, std::move(values), limit);
        if (!answer)
            co_return answer.error();
        std::vector<std::string> users;
        for (auto& row : answer->rows)
            if (!row.empty() && row.front())
                users.push_back(*std::move(row.front()));
        co_return users;
    }

    task<Result<void>> set_scram_keys(std::string user, ScramHash hash, ScramKeys keys) override
    {
        const auto known = co_await understand(user);
        if (!known)
            co_return known.error();
        if (!*known)
            co_return no_account(user);
        const Understood& account = **known;
        const auto* scram = account.secrets.size() == 1
            ? std::get_if<ScramSecret>(&account.secrets.front())
            : nullptr;
        if (!scram)
            co_return Error { "the account " + user
                    + " has no SCRAM keys to which one could be added",
                Error::Kind::refused };
        ScramSecret more = *scram;
        more.keys[static_cast<std::size_t>(hash)] = std::move(keys);
        Values values = values_of(user);
        values["password"] = to_text(more);
        values["old_password"] = account.row.passwords.front().password;
        const auto written = co_await run(Role::upgrade, std::move(values), 0);
        if (!written)
            co_return written.error();
        if (written->changed == 0)
            co_return Error { "the password of " + user + " was changed meanwhile",
                Error::Kind::conflict };
        co_return {};
    }

    task<Result<void>> import_keys(
        std::string user, ScramKeySet keys, ExistingAccount existing) override
    {
        Values values = values_of(user);
        const ScramSecret secret { std::move(keys) };
        values["password"] = to_text(secret);
        bool replaces = false;
        if (existing == ExistingAccount::replace) {
            const auto known = co_await exists(user);
            if (!known)
                co_return known.error();
            replaces = *known;
        }
        const auto written
            = co_await run(replaces ? Role::set : Role::create, std::move(values), 0);
        if (written)
            co_return {};
        if (written.error().kind != Error::Kind::conflict)
            co_return written.error();
        co_return Error { "the account " + user + " exists already", Error::Kind::conflict };
    }

    task<Result<std::optional<std::string>>> password_mark(std::string user) override
    {
        using Mark = std::optional<std::string>;
        if (!plan_.queries.has(Role::password)) {
            // What the database compares is not seen here.
            const auto known = co_await exists(std::move(user));
            if (!known)
                co_return known.error();
            co_return *known ? Mark(std::string()) : Mark();
        }
        const auto row = co_await load(user);
        if (!row)
            co_return row.error();
        if (!*row)
            co_return Mark();
        if (auto refusal = refusal_of(**row, user))
            co_return *std::move(refusal);
        // Not as it is: with a plain password, even its digest is a key to it.
        co_return Mark(hmac(Hash::sha256, secret_, "password mark" + sql::password_mark(**row)));
    }

    Value health() const override
    {
        Value table = pool_->health();
        table["driver"] = settings_.driver;
        table["upgraded"] = std::uint64_t(upgraded_.load());
        return table;
    }

private:
    // ---- on a thread of the pool ----

    Result<std::unique_ptr<Connection>> connect()
    {
        ConnectionOptions options = plan_.connection;
        if (!settings_.password_file.empty()) {
            auto password = read_password_file(settings_.password_file);
            if (!password)
                return password.error();
            options.password = *std::move(password);
        }
        auto made = plan_.driver->connect(options);
        if (!made)
            return Error { without(made.error().text, { { "password", options.password } }),
                made.error().kind };
        if (is_tried_)
            return made;
        if (plan_.has_own_tables)
            if (auto ready = ensure_own_tables(**made); !ready)
                return ready.error();
        // Of several threads that came here at once, one tells.
        if (!is_tried_.exchange(true))
            check_queries(**made);
        return made;
    }

    /// Wrong queries would otherwise show at the first login, or at the first change of a password.
    void check_queries(Connection& connection)
    {
        for (std::size_t i = 0; i < role_count; ++i) {
            const auto role = static_cast<Role>(i);
            const auto& query = plan_.queries.of(role);
            if (!query)
                continue;
            const auto columns = connection.describe(query->sql());
            if (!columns)
                context_->log().warn("{}: {}", option_of(role), columns.error().text);
            else if (const auto problem = problem_with(*columns);
                     role == Role::password && !problem.empty())
                context_->log().warn("{}: {}", option_of(role), problem);
        }
    }

    // ---- on a loop ----

    /// Makes the first connection, so that an administrator hears at once what is wrong.
    task<void> try_out()
    {
        auto nothing = [](Connection&) -> Result<void> { return {}; };
        const auto tried = co_await pool_->run(std::move(nothing));
        if (!tried)
            context_->log().warn("{} cannot be used yet, and logins fail until it can: {}",
                settings_.driver, tried.error().text);
        is_failing_ = !tried;
        auto make_decoy = [this] { return decoy_->secret() != nullptr; };
        co_await context_->work(std::move(make_decoy));
    }

    task<Result<Answer>> run(Role role, Values values, std::size_t most_rows)
    {
        const Query& query = *plan_.queries.of(role); // who asks has checked that there is one
        auto ask = [&query, bound = query.bind(values), most_rows](Connection& connection) {
            return connection.run(query.sql(), bound, most_rows);
        };
        auto answer = co_await pool_->run(std::move(ask));
        tell_changes(answer ? nullptr : &answer.error());
        if (answer)
            co_return answer;
        const Error& error = answer.error();
        co_return Error { error.kind == Error::Kind::unavailable
                ? without(error.text, values)
                : std::string(option_of(role)) + ": " + without(error.text, values),
            error.kind };
    }

    /// A line when the database is lost, and one when it is back.
    void tell_changes(const Error* error)
    {
        const bool is_lost = error && error->kind == Error::Kind::unavailable;
        if (is_failing_.exchange(is_lost) == is_lost)
            return;
        if (is_lost)
            context_->log().warn("{} does not answer: {}", settings_.driver, error->text);
        else
            context_->log().info("{} answers", settings_.driver);
    }

    Values values_of(const std::string& user) const
    {
        return { { "user", user }, { "domain", domain_ }, { "jid", user + "@" + domain_ } };
    }

    task<Result<Values>> values_for_new(std::string user, std::string password)
    {
        auto make = [password = std::move(password), options = plan_.new_password] {
            return make_password(password, options);
        };
        const auto made = co_await context_->work(std::move(make));
        if (!made)
            co_return made.error();
        Values values = values_of(user);
        add_password(values, *made);
        co_return values;
    }

    static void add_password(Values& values, const NewPassword& made)
    {
        values["password"] = made.text;
        values["stored_key"] = to_base64(made.keys.stored_key);
        values["server_key"] = to_base64(made.keys.server_key);
        values["salt"] = to_base64(made.keys.salt);
        values["iterations"] = std::int64_t(made.keys.iterations);
    }

    task<Result<std::optional<AccountRow>>> load(std::string user)
    {
        const auto answer = co_await run(Role::password, values_of(user), max_rows_of_user);
        if (!answer)
            co_return answer.error();
        co_return read_account(*answer, user, domain_);
    }

    task<Result<std::optional<Understood>>> understand(std::string user)
    {
        auto row = co_await load(user);
        if (!row)
            co_return row.error();
        if (!*row)
            co_return std::optional<Understood>();
        Understood account { **std::move(row), {} };
        for (const StoredPassword& stored : account.row.passwords) {
            auto secret = read_secret(stored, plan_.formats);
            if (!secret)
                co_return Error { user + ": " + secret.error().text, secret.error().kind };
            account.secrets.push_back(*std::move(secret));
        }
        co_return std::optional(std::move(account));
    }

    task<Result<bool>> ask_database(std::string user, std::string password)
    {
        if (password.find('\0') != std::string::npos)
            co_return false; // no text in SQL has one
        Values values = values_of(user);
        values["password"] = std::move(password);
        const auto answer = co_await run(Role::check, std::move(values), max_rows_of_user);
        if (!answer)
            co_return answer.error();
        const bool is_right = std::ranges::any_of(
            answer->rows, [](const auto& row) { return !row.empty() && is_true(row.front()); });
        co_return is_right;
    }

    /// Whether a new password would be stored better.
    bool needs_upgrade(const Understood& account) const
    {
        if (account.secrets.size() != 1)
            return false;
        const auto* scram = std::get_if<ScramSecret>(&account.secrets.front());
        if (!scram)
            return true;
        return can_add_keys()
            && std::ranges::any_of(plan_.new_password.hashes, [&](ScramHash hash) {
                   const auto& keys = scram->keys[static_cast<std::size_t>(hash)];
                   return !keys || keys->iterations < settings_.iterations;
               });
    }

    task<void> upgrade(std::string user, std::string password, StoredPassword old)
    {
        ++upgrading_;
        auto options = plan_.new_password;
        options.format = Format::scram;
        auto make = [password = std::move(password), options] {
            return make_password(password, options);
        };
        const auto made = co_await context_->work(std::move(make));
        Result<Answer> written = Error { made ? "" : made.error().text };
        if (made) {
            Values values = values_of(user);
            add_password(values, *made);
            values["old_password"] = old.password;
            written = co_await run(Role::upgrade, std::move(values), 0);
        }
        --upgrading_;
        if (!written) {
            context_->log().warn("upgrading {}: {}", user, written.error().text);
        } else if (written->changed > 0) { // or the password was changed meanwhile
            ++upgraded_;
            context_->log().info("upgraded the stored password of {}", user);
        }
    }

    /// What somebody hears who has proved to be the user, but is not let in.
    static std::optional<Error> refusal_of(const AccountRow& row, const std::string& user)
    {
        if (row.is_disabled)
            return Error { "the account " + user + " is disabled", Error::Kind::disabled };
        if (row.is_expired)
            return Error { "the password of " + user + " has expired", Error::Kind::expired };
        return {};
    }

    // A client proves itself with SCRAM before it may hear that the account is switched off, so the
    // keys are given out, and the answer waits until the proof has come.

    /// Whether the keys may be given out.
    bool admit(const AccountRow& row, const std::string& user)
    {
        const std::lock_guard lock(mutex_);
        barred_.erase(user);
        auto refusal = refusal_of(row, user);
        if (!refusal)
            return true;
        if (barred_.size() >= max_barred)
            return false;
        barred_.emplace(user, *std::move(refusal));
        return true;
    }

    Flow bar(AuthenticationProved& event)
    {
        if (!event.mechanism.starts_with("SCRAM-"))
            return Flow::next;
        const std::lock_guard lock(mutex_);
        const auto found = barred_.find(std::string(event.user));
        if (found == barred_.end())
            return Flow::next;
        Completion<std::optional<Error>> refused;
        refused.resolve(found->second);
        event.waits.push_back(std::move(refused));
        return Flow::next;
    }

    bool keeps(ScramHash hash) const
    {
        return std::ranges::find(plan_.new_password.hashes, hash)
            != plan_.new_password.hashes.end();
    }

    /// XEP-0480: where all keys stand in one text.
    bool can_add_keys() const
    {
        const auto& query = plan_.queries.of(Role::upgrade);
        return query && plan_.formats.front() == Format::scram && query->uses("password")
            && query->uses("old_password") && plan_.queries.has(Role::password);
    }

    /// Where all keys stand in one text, too: columns have room for those of one hash.
    bool can_import_keys() const
    {
        const auto takes_text = [this](Role role) {
            const auto& query = plan_.queries.of(role);
            return query && query->uses("password") && !query->uses("stored_key");
        };
        return plan_.new_password.format == Format::scram && takes_text(Role::create)
            && takes_text(Role::set);
    }

    Settings settings_;
    Plan plan_;
    Context* context_ = nullptr;
    std::string domain_;
    std::string secret_; // of salts and marks
    std::optional<DerivedKeys> derived_;
    std::optional<Decoy> decoy_;
    std::atomic<bool> is_tried_ = false; // the tables are there, and the queries were looked at
    std::atomic<bool> is_failing_ = false;
    std::atomic<int> upgrading_ = 0;
    std::atomic<std::uint64_t> upgraded_ = 0;
    std::mutex mutex_;
    std::unordered_map<std::string, Error> barred_; // guarded
    std::optional<ConnectionPool<Connection>> pool_; // last: its threads use all of the above
};

}

NUNCIO_PLUGIN(nuncio::sql::Sql, "sql", "0.1.0", "Accounts in an SQL database", "provides=auth/1")
