// auth/1 over a script of the administrator's, which answers on its stdout.
#include "request.h"

#include <nuncio/answer_cache.h>
#include <nuncio/plugin.h>
#include <nuncio/process_pool.h>

#include <algorithm>

namespace nuncio::external {

namespace {

    // No account is called so: names of accounts are at most 1023 bytes, but scripts have their own
    // notions of what a name may be.
    constexpr std::string_view probe_user = "nuncio-self-test";
    constexpr std::uint16_t codes = 2; // 0 and 1

}

struct Settings {
    std::vector<std::string> command;
    std::vector<std::string> operations { "auth", "isuser" };
    std::uint32_t processes = 4;
    std::uint32_t queue = 256;
    std::chrono::milliseconds timeout { 10s };
    std::chrono::milliseconds longest_rest { 30s };
    std::uint32_t cache = 4096;
    std::chrono::milliseconds positive_ttl { 60s };
    std::chrono::milliseconds negative_ttl { 0s };
    std::vector<std::string> environment;
    std::string folder = "/";
};

class External final : public Plugin, public AuthBackend {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("The script speaks the protocol of ejabberd's and Prosody's")
            .option("command", &Settings::command,
                "The script's full path, and its arguments. No shell reads them.")
            .option("operations", &Settings::operations,
                "What the script answers: auth and isuser, which every script must, and perhaps "
                "setpass, tryregister, removeuser.")
            .option("processes", &Settings::processes,
                "How many of it run, and so how many logins are asked about at once.")
            .range(1, 64)
            .option("queue", &Settings::queue, "How many logins may wait for one of them.")
            .range(1, 65536)
            .option("timeout", &Settings::timeout,
                "After this a login is told to try again later, and the process is ended.")
            .range(0.1, 600)
            .option("longest_rest", &Settings::longest_rest,
                "A script that fails is started again, later each time, but not later than this.")
            .range(1, 3600)
            .option("cache", &Settings::cache,
                "How many accounts' answers are kept (as keyed digests, without passwords).")
            .range(0, 10'000'000)
            .option("positive_ttl", &Settings::positive_ttl,
                "How long a right password, or that there is a user, need not be asked for again; "
                "0s: not at all. A password that is changed elsewhere is good for as long.")
            .range(0, 86400)
            .option("negative_ttl", &Settings::negative_ttl,
                "The same for a wrong password, or that there is no such user.")
            .range(0, 86400)
            .option("environment", &Settings::environment,
                "More for the script's environment, as NAME=value. It has PATH, LANG, LC_*, TZ and "
                "HOME from the server, and nothing else.")
            .option("folder", &Settings::folder, "The folder it runs in.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.command.empty() || !settings_.command.front().starts_with('/'))
            return config.error("command",
                "expected the full path of a script, as in command = [\"/usr/local/bin/check\"]");
        for (const std::string& name : settings_.operations) {
            const auto operation = operation_of(name);
            if (!operation)
                return config.error("operations",
                    '"' + name + "\" is none of auth, isuser, setpass, tryregister, removeuser");
            operations_.push_back(*operation);
        }
        for (const auto needed : { Operation::auth, Operation::isuser })
            if (!can(needed))
                return config.error("operations", "every script answers auth and isuser");
        for (const std::string& variable : settings_.environment)
            if (variable.find('=') == variable.npos || variable.starts_with('='))
                return config.error("environment", "expected NAME=value, not " + variable);
        return {};
    }

    Result<void> start(Context& context) override
    {
        server_ = context.host().domain();
        auto probe = make_request(Operation::isuser, probe_user, server_);
        if (!probe)
            return probe.error();
        cache_.emplace(AnswerCache::Options { .capacity = settings_.cache,
            .positive = settings_.positive_ttl,
            .negative = settings_.negative_ttl });
        pool_.emplace(context,
            ProcessPoolOptions { .process = { .command = settings_.command,
                                     .environment = inherited_environment(settings_.environment),
                                     .folder = settings_.folder },
                .processes = settings_.processes,
                .queue = settings_.queue,
                .timeout = settings_.timeout,
                .codes = codes,
                .probe = *std::move(probe),
                .longest_rest = settings_.longest_rest,
                .breaker = { .longest_rest = settings_.longest_rest } });
        context.provide<AuthBackend>(*this);
        add_forget_command(context, *cache_, "external", "the auth script");
        return {};
    }

    AuthAbilities abilities() const override
    {
        return { .check_password = true,
            .set_password = can(Operation::setpass),
            .create = can(Operation::tryregister),
            .remove = can(Operation::removeuser) };
    }

    task<Result<bool>> exists(std::string user) override
    {
        return ask_cached(Operation::isuser, std::move(user), {});
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        return ask_cached(Operation::auth, std::move(user), std::move(password));
    }

    task<Result<void>> set_password(std::string user, std::string password) override
    {
        return change(Operation::setpass, std::move(user), std::move(password),
            { "the auth script refused to set the password", Error::Kind::refused });
    }

    task<Result<void>> create(std::string user, std::string password) override
    {
        return change(Operation::tryregister, std::move(user), std::move(password),
            { "the auth script refused to make the account, or has it already",
                Error::Kind::conflict });
    }

    task<Result<void>> remove(std::string user) override
    {
        return change(Operation::removeuser, std::move(user), {},
            { "the auth script refused to remove the account", Error::Kind::refused });
    }

    Value health() const override
    {
        Value table = pool_->health();
        table["command"] = settings_.command.front();
        table["cached"] = std::uint64_t(cache_->size());
        return table;
    }

private:
    bool can(Operation operation) const
    {
        return std::ranges::find(operations_, operation) != operations_.end();
    }

    task<Result<bool>> ask(Operation operation, std::string user, std::string password)
    {
        auto payload = make_request(operation, user, server_, password);
        if (!payload)
            co_return payload.error();
        // Asking twice changes nothing; anything else may have been done before it ended.
        const bool may_repeat = operation == Operation::auth || operation == Operation::isuser;
        // COMPAT(g++ 12): an aggregate made inside a co_await expression is destroyed twice.
        ProcessRequest request {
            .payload = *std::move(payload), .secret = std::move(password), .may_repeat = may_repeat
        };
        const auto code = co_await pool_->ask(std::move(request));
        if (!code)
            co_return code.error();
        co_return *code == 1;
    }

    task<Result<bool>> ask_cached(Operation operation, std::string user, std::string password)
    {
        const std::string key = cache_->key(to_text(operation), user, password);
        if (const auto known = cache_->find(user, key, Loop::current()->now()))
            co_return *known;
        const auto changes = cache_->changes();
        const auto answer = co_await ask(operation, user, std::move(password));
        if (answer)
            cache_->insert(user, key, *answer, changes, Loop::current()->now());
        co_return answer;
    }

    task<Result<void>> change(
        Operation operation, std::string user, std::string password, Error refusal)
    {
        const auto answer = co_await ask(operation, user, std::move(password));
        // Whatever became of it: without an answer it may have been done all the same.
        cache_->forget(user);
        if (!answer)
            co_return answer.error();
        if (!*answer)
            co_return refusal;
        co_return Result<void>();
    }

    Settings settings_;
    std::vector<Operation> operations_;
    std::string server_;
    std::optional<AnswerCache> cache_;
    std::optional<ProcessPool> pool_; // last: what is asked of it uses the cache
};

}

NUNCIO_PLUGIN(nuncio::external::External, "external", "0.1.0",
    "Accounts that a script of the administrator's knows", "provides=auth/1")
