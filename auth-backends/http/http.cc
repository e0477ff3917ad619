// auth/1 over HTTP: who somebody is, a web service says.
#include "service.h"

#include <nuncio/answer_cache.h>
#include <nuncio/connection_pool.h>
#include <nuncio/plugin.h>
#include <nuncio/seen_users.h>

#include <algorithm>
#include <atomic>

namespace nuncio::http {

namespace {

    constexpr std::string_view probe_user = "nuncio-self-test";
    constexpr std::size_t cached_users = 4096;

}

class Http final : public Plugin, public AuthBackend {
public:
    static Schema schema() { return make_schema(); }

    Result<void> configure(const Config& config) override
    {
        Mistake mistake;
        settings_ = config.as<Settings>();
        // The host is known at the start only; its domain changes no rule's form.
        if (auto plan = make_plan(settings_, "example.org", mistake); !plan)
            return config.error(mistake.option, mistake.message);
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        Mistake mistake;
        auto plan = make_plan(settings_, context.host().domain(), mistake);
        if (!plan)
            return plan.error();
        plan_ = *std::move(plan);
        cache_.emplace(AnswerCache::Options { .capacity = settings_.cache,
            .positive = settings_.positive_ttl,
            .negative = settings_.negative_ttl });
        if (!plan_.can(Operation::user_exists))
            seen_.emplace(context.store("accounts"), cached_users);
        service_.emplace(settings_, plan_.rules, context.log());
        const ConnectionPoolOptions options { .name = "http",
            .connections = settings_.connections,
            .queue = settings_.queue,
            .timeout = settings_.timeout,
            .breaker = { .failures = settings_.failures,
                .rest = settings_.rest,
                .longest_rest = settings_.longest_rest } };
        pool_.emplace(
            context, options, [this] { return service_->connect(); }, probe());
        context.provide<AuthBackend>(*this);
        add_forget_command(context, *cache_, "http", "the web service");
        context.spawn(look_around());
        return {};
    }

    AuthAbilities abilities() const override
    {
        return { .check_password = true,
            .set_password = plan_.can(Operation::set_password),
            .create = plan_.can(Operation::register_user),
            .remove = plan_.can(Operation::remove_user) || seen_,
            .list = seen_.has_value() };
    }

    task<Result<bool>> exists(std::string user) override
    {
        if (seen_) {
            const auto is_known = co_await seen_->contains(std::move(user));
            co_return is_known;
        }
        Question question { .operation = Operation::user_exists, .user = std::move(user) };
        const auto answer = co_await ask_cached(std::move(question));
        co_return answer;
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        Question question {
            .operation = Operation::check_password, .user = user, .password = std::move(password)
        };
        const auto answer = co_await ask_cached(std::move(question));
        if (answer && *answer && seen_) {
            const auto kept = co_await seen_->add(std::move(user));
            if (!kept)
                co_return kept.error();
        }
        co_return answer;
    }

    task<Result<void>> set_password(std::string user, std::string password) override
    {
        return change({ Operation::set_password, std::move(user), std::move(password) });
    }

    task<Result<void>> create(std::string user, std::string password) override
    {
        auto question = Question { Operation::register_user, user, std::move(password) };
        const auto made = co_await change(std::move(question));
        if (!made)
            co_return made.error();
        if (seen_) {
            const auto kept = co_await seen_->add(std::move(user));
            if (!kept)
                co_return kept.error();
        }
        co_return {};
    }

    task<Result<void>> remove(std::string user) override
    {
        if (plan_.can(Operation::remove_user)) {
            Question question { .operation = Operation::remove_user, .user = user };
            const auto removed = co_await change(std::move(question));
            if (!removed)
                co_return removed.error();
        }
        if (seen_) {
            cache_->forget(user);
            const auto forgotten = co_await seen_->remove(std::move(user));
            if (!forgotten)
                co_return forgotten.error();
        }
        co_return {};
    }

    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override
    {
        if (!seen_)
            co_return std::vector<std::string>();
        auto users = co_await seen_->list(std::move(after), limit);
        co_return users;
    }

    Value health() const override
    {
        Value table = pool_->health();
        service_->add_health(table);
        table["cached"] = std::uint64_t(cache_->size());
        return table;
    }

private:
    static Question about_nobody()
    {
        return { .operation = Operation::user_exists, .user = std::string(probe_user) };
    }

    /// With nothing to ask but about a password, the answer would be a failed login in the
    /// service's own books: then there is none.
    ConnectionPool<Link>::Probe probe()
    {
        if (!plan_.can(Operation::user_exists))
            return {};
        return [this](Link& link) -> Result<void> {
            const auto outcome = service_->ask(link, about_nobody());
            if (!outcome)
                return outcome.error();
            return {};
        };
    }

    task<Result<Outcome>> ask(Question question)
    {
        auto job = [this, question = std::move(question), was_tried = false](
                       Link& link) mutable -> Result<Outcome> {
            // The pool asks once more over a new connection; an account is not made twice.
            if (std::exchange(was_tried, true) && question.operation == Operation::register_user)
                return Error { "it is not known whether the account was made",
                    Error::Kind::unavailable };
            return service_->ask(link, question);
        };
        const auto outcome = co_await pool_->run(std::move(job));
        co_return outcome;
    }

    task<Result<bool>> ask_cached(Question question)
    {
        const std::string user = question.user;
        const std::string key = cache_->key(to_text(question.operation), user, question.password);
        if (const auto known = cache_->find(user, key, Loop::current()->now()))
            co_return *known;
        const auto changes = cache_->changes();
        const auto outcome = co_await ask(std::move(question));
        if (!outcome && outcome.error().kind == Error::Kind::refused)
            co_return false; // what cannot even be asked is nobody's password
        if (!outcome)
            co_return outcome.error();
        const bool is_yes = *outcome == Outcome::yes;
        cache_->insert(user, key, is_yes, changes, Loop::current()->now());
        co_return is_yes;
    }

    task<Result<void>> change(Question question)
    {
        const std::string user = question.user;
        const std::string what(to_text(question.operation));
        const auto outcome = co_await ask(std::move(question));
        // Whatever became of it: without an answer it may have been done all the same.
        cache_->forget(user);
        if (!outcome)
            co_return outcome.error();
        switch (*outcome) {
        case Outcome::yes:
            co_return {};
        case Outcome::conflict:
            co_return Error { "the account " + user + " exists already", Error::Kind::conflict };
        case Outcome::missing:
            co_return Error { "there is no account " + user, Error::Kind::not_found };
        case Outcome::no:
        case Outcome::refused:
            break;
        }
        co_return Error { "the web service refused: " + what, Error::Kind::refused };
    }

    /// Tells the administrator at the start what users would find out later.
    task<void> look_around()
    {
        Log& log = context_->log();
        const bool is_plain = std::ranges::any_of(
            settings_.urls, [](const std::string& url) { return url.starts_with("http:"); });
        if (settings_.insecure && is_plain)
            log.warn("passwords go to the web service unencrypted (insecure = true)");
        if (!plan_.can(Operation::user_exists))
            co_return;
        const auto outcome = co_await ask(about_nobody());
        if (!outcome)
            log.warn("nobody can log in by the web service now: {}", outcome.error().text);
        else
            log.info("the web service answers");
    }

    const Library library_; // first: everything below may use it
    Settings settings_;
    Plan plan_;
    Context* context_ = nullptr;
    std::optional<AnswerCache> cache_;
    std::optional<SeenUsers> seen_; // when the service cannot be asked who exists
    std::optional<Service> service_;
    std::optional<ConnectionPool<Link>> pool_; // last: its threads use all of the above
};

}

NUNCIO_PLUGIN(nuncio::http::Http, "http", "0.1.0", "Accounts that a web service knows",
    "provides=auth/1\nrequires=storage/1")
