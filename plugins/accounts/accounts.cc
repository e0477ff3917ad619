// Who may log in, how often it may be tried, which passwords are taken, and who logged in last.
#include "attempts.h"
#include "password_rules.h"
#include "states.h"

#include <nuncio/address.h>
#include <nuncio/date.h>
#include <nuncio/plugin.h>

#include <algorithm>

namespace nuncio::accounts {

struct Settings {
    std::uint32_t account_free = 5;
    std::uint32_t network_free = 20;
    Duration first_delay = 1s;
    Duration longest_delay = 20s;
    Duration forgiveness = std::chrono::minutes(1);
    std::uint32_t remembered = 65536;
    bool exempt_loopback = false;
    std::uint32_t min_password_length = 8;
    std::uint32_t max_password_bytes = 1024;
    bool password_may_contain_user = false;
    std::string common_passwords;
    bool record_logins = true;
};

class AccountsPolicy final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Disabled accounts, limits for guessing, password rules, and "
                                    "the record of logins")
            .option("account_free", &Settings::account_free,
                "Wrong passwords for one account without a delay. From networks that have logged "
                "in to it lately any number: a stranger who guesses does not lock its owner out.")
            .range(1, 1000)
            .option("network_free", &Settings::network_free,
                "Wrong passwords from one address (IPv6: one /64) without a delay.")
            .range(1, 100'000)
            .option("first_delay", &Settings::first_delay,
                "How long the next attempt waits then; each one after it twice as long.")
            .range(0.001, 60)
            .option("longest_delay", &Settings::longest_delay,
                "The longest wait; who would wait longer is turned away. Keep it below "
                "limits.negotiation_time.")
            .range(0.001, 3600)
            .option("forgiveness", &Settings::forgiveness,
                "After which time one wrong password is forgotten.")
            .range(1, 86400)
            .option("remembered", &Settings::remembered,
                "How many accounts and networks are remembered; the longest quiet make room.")
            .range(1000, 10'000'000)
            .option("exempt_loopback", &Settings::exempt_loopback,
                "No delays for connections from this machine.")
            .option("min_password_length", &Settings::min_password_length,
                "The shortest password that can be chosen, in characters.")
            .range(1, 1000)
            .option("max_password_bytes", &Settings::max_password_bytes,
                "The longest password that can be chosen, in bytes.")
            .range(64, 4096)
            .option("password_may_contain_user", &Settings::password_may_contain_user,
                "A password may contain the name of its account.")
            .option("common_passwords", &Settings::common_passwords,
                "A file of passwords that cannot be chosen, one on each line, as lists of the most "
                "common ones are published. Read when the plugin starts.")
            .option("record_logins", &Settings::record_logins,
                "Keep when, from where and how each account logged in last.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.first_delay > settings_.longest_delay)
            return config.error("first_delay", "expected no more than longest_delay");
        auto rules = PasswordRules::create({ .min_length = settings_.min_password_length,
            .max_bytes = settings_.max_password_bytes,
            .may_contain_user = settings_.password_may_contain_user,
            .common_file = settings_.common_passwords });
        if (!rules)
            return config.error("common_passwords", rules.error().text);
        rules_.emplace(*std::move(rules));
        const auto options = [this](Attempts::Counted counted, std::uint32_t free) {
            return Attempts::Options { .counted = counted,
                .free = free,
                .first_delay = settings_.first_delay,
                .longest_delay = settings_.longest_delay,
                .forgiveness = settings_.forgiveness,
                .remembered = settings_.remembered };
        };
        on_account_.emplace(options(Attempts::Counted::from_begin, settings_.account_free));
        from_network_.emplace(options(Attempts::Counted::once_wrong, settings_.network_free));
        known_.emplace(settings_.remembered);
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        logins_ = context.store("logins");
        states_.emplace(context.store("disabled"));
        context.spawn(load());
        context.every(load_again, [this] {
            if (!states_->is_loaded())
                context_->spawn(load());
        });
        // Before policies of scripts: what they cost is not spent on a flood.
        context.on<AuthenticationBeginning>(
            Stage::early, [this](AuthenticationBeginning& event) { return beginning(event); });
        context.on<AuthenticationProved>([this](AuthenticationProved& event) {
            if (auto objection = states_->objection(event.user))
                event.waits.push_back(*std::move(objection));
            return Flow::next;
        });
        context.on<AuthenticationEnded>(
            [this](AuthenticationEnded& event) { return ended(event); });
        context.on<SessionOpened>([this](SessionOpened& event) {
            // It had proved who it is before it was switched off.
            if (states_->find(event.session.jid().local()))
                close(event.session);
            return Flow::next;
        });
        context.on<PasswordChoosing>([this](PasswordChoosing& event) {
            if (auto checked = rules_->check(event.user, event.password); !checked)
                event.waits.emplace_back().resolve(checked.error());
            return Flow::next;
        });
        context.on<AccountRemoved>([this](AccountRemoved& event) {
            const std::string user(event.account.jid().local());
            if (states_->find(user))
                context_->spawn(forget(user));
            return Flow::next;
        });
        add_commands(context);
        return {};
    }

    // A reload must not give everybody new attempts.
    void save(Snapshot& snapshot) const override
    {
        on_account_->save(snapshot, "on_account");
        from_network_->save(snapshot, "from_network");
    }
    Result<void> restore(const Snapshot& snapshot) override
    {
        on_account_->restore(snapshot, "on_account");
        from_network_->restore(snapshot, "from_network");
        return {};
    }

private:
    static constexpr Duration load_again = 5s;
    static constexpr std::uint32_t most_listed = 10'000;
    static constexpr std::uint32_t counted_page = 1000;

    // ---- Logins ----

    task<void> load()
    {
        const auto loaded = co_await states_->load();
        if (!loaded)
            context_->log().error(
                "which accounts are disabled cannot be read, so nobody can log in: {}",
                loaded.error().text);
    }

    task<void> forget(std::string user)
    {
        const auto done = co_await states_->enable(user);
        if (!done)
            context_->log().warn("{} was removed, but stays disabled: {}", user, done.error().text);
    }

    static void close(Session& session)
    {
        session.close({ StreamError::Condition::not_authorized, "the account was disabled" });
    }

    static std::string place(std::string_view user, std::string_view network)
    {
        return std::string(user) + ' ' + std::string(network);
    }
    bool is_known(const std::string& place)
    {
        const std::lock_guard lock(mutex_);
        return known_->find(place) != nullptr;
    }
    bool is_exempt(const ClientStream& stream) const
    {
        return settings_.exempt_loopback && is_loopback(stream.address());
    }

    Flow beginning(AuthenticationBeginning& event)
    {
        if (is_exempt(event.stream))
            return Flow::next;
        const TimePoint now = Loop::current()->now();
        const std::string network = network_of(event.stream.address());
        auto delay = from_network_->begin(network, now);
        if (!event.user.empty() && !is_known(place(event.user, network))) {
            const auto other = on_account_->begin(event.user, now);
            delay = delay && other ? std::optional(std::max(*delay, *other)) : std::nullopt;
        }
        if (delay)
            event.delay = std::max(event.delay, *delay);
        else
            event.waits.emplace_back().resolve("too many attempts, from "
                + std::string(event.stream.address()) + " or for this account");
        return Flow::next;
    }

    Flow ended(AuthenticationEnded& event)
    {
        tell(event);
        if (event.succeeded && settings_.record_logins)
            context_->spawn(record(event));
        if (event.has_begun && !is_exempt(event.stream))
            settle(event);
        return Flow::next;
    }

    /// RFC 6120 §6.5.10 has one condition for a wrong password and for what never came to trying
    /// one: a token that is gone, or a channel binding that the server would not have left out.
    /// Whoever bans those who guess goes by the line that ends with the condition.
    void tell(const AuthenticationEnded& event)
    {
        const std::string_view address = event.stream.address();
        if (event.succeeded)
            return context_->log().info(
                "login of {} from {} by {}", event.user, address, event.mechanism);
        const bool is_no_guess = !event.was_guess && event.condition == "not-authorized";
        context_->log().info("failed login of {} from {} by {}: {}{}",
            event.user.empty() ? "nobody" : event.user, address, event.mechanism, event.condition,
            is_no_guess ? ", no password was tried" : "");
    }

    /// Now it is known what it was that had begun.
    void settle(const AuthenticationEnded& event)
    {
        const std::string network = network_of(event.stream.address());
        if (event.was_guess)
            return from_network_->was_wrong(network, Loop::current()->now());
        const std::string here = place(event.user, network);
        from_network_->take_back(network);
        if (event.succeeded) {
            on_account_->forgive(event.user);
            const std::lock_guard lock(mutex_);
            known_->insert(here, true);
        } else if (!event.user.empty() && !is_known(here)) {
            on_account_->take_back(event.user);
        }
    }

    task<void> record(const AuthenticationEnded& event)
    {
        Value login;
        login["when"] = std::int64_t(Loop::current()->wall_time().time_since_epoch().count());
        login["address"] = event.stream.address();
        login["mechanism"] = event.mechanism;
        return keep_login(
            std::string(event.user) + '@' + std::string(context_->host().domain()), login.json());
    }

    task<void> keep_login(std::string owner, std::string login)
    {
        // Those of one moment are one transaction.
        const auto done = co_await logins_.put_unhurried(owner, "last", std::move(login));
        if (!done)
            context_->log().warn("the login of {} was not noted: {}", owner, done.error().text);
    }

    // ---- Commands ----

    void add_commands(Context& context)
    {
        using Type = CommandArgument::Type;
        const CommandArgument account { .name = "jid", .type = Type::jid, .doc = "USER@HOST" };
        const CommandArgument host { .name = "host", .type = Type::host, .doc = "the host" };
        context.command(
            { .name = "disable",
                .summary = "Switch an account off: its sessions end, and nobody can log in to it.",
                .arguments
                = { account, { .name = "reason", .doc = "for the record", .required = false } },
                .reach = Reach::host },
            [this](const CommandCall& call) { return disable(call); });
        context.command({ .name = "enable",
                            .summary = "Switch an account on again.",
                            .arguments = { account },
                            .reach = Reach::host },
            [this](const CommandCall& call) { return enable(call); });
        context.command(
            { .name = "accounts",
                .summary = "The accounts of a host, by name.",
                .arguments = { host,
                    { .name = "after", .doc = "only names behind this one", .required = false },
                    { .name = "limit",
                        .type = Type::integer,
                        .doc = "how many to list at the most",
                        .required = false,
                        .default_text = "1000" },
                    { .name = "state",
                        .doc = "only those that are so",
                        .required = false,
                        .choices = { "enabled", "disabled" } } },
                .reach = Reach::host,
                .aliases = { "list" } },
            [this](const CommandCall& call) { return list(call); });
        context.command({ .name = "account-count",
                            .summary = "How many accounts a host has, and how many are disabled.",
                            .arguments = { host },
                            .reach = Reach::host },
            [this](const CommandCall&) { return count(); });
        context.command({ .name = "last-login",
                            .summary = "When, from where and how an account logged in last.",
                            .arguments = { account },
                            .reach = Reach::host },
            [this](const CommandCall& call) { return last_login(call); });
        context.command(
            { .name = "password-policy",
                .summary = "Which passwords can be chosen; whether one could be.",
                .arguments = { host,
                    { .name = "user", .doc = "whose password it would be", .required = false },
                    { .name = "password",
                        .doc = "the password to judge",
                        .required = false,
                        .secret = true } },
                .reach = Reach::host },
            [this](const CommandCall& call) { return password_policy(call); });
    }

    /// The prepared local part of the argument `jid`, of an account that exists.
    task<Result<std::string>> account_of(const CommandCall& call)
    {
        const auto jid = Jid::parse(call.text("jid"));
        if (!jid)
            co_return jid.error();
        if (jid->local().empty() || jid->domain() != context_->host().domain())
            co_return Error { "jid: expected USER@" + std::string(context_->host().domain())
                + ", not " + jid->text() };
        std::string user(jid->local());
        const auto exists = co_await context_->host().accounts().exists(user);
        if (!exists)
            co_return exists.error();
        if (!*exists)
            co_return Error { "there is no account " + jid->text(), Error::Kind::not_found };
        co_return user;
    }

    task<Result<Value>> disable(const CommandCall& call)
    {
        auto user = co_await account_of(call);
        if (!user)
            co_return user.error();
        // COMPAT(g++ 12): an aggregate made inside a co_await is destroyed twice, so it has a name.
        Disabled state { .since = Loop::current()->wall_time().time_since_epoch().count(),
            .reason = std::string(call.text("reason")) };
        const auto done = co_await states_->disable(*user, std::move(state));
        if (!done)
            co_return done.error();
        const auto jid = Jid::make(*user, context_->host().domain());
        const Completion<std::uint64_t> ended;
        context_->host().at_home(*jid, [ended](Account& account) {
            // Closing one may change the account's list.
            const std::vector<Session*> sessions(
                account.sessions().begin(), account.sessions().end());
            for (Session* session : sessions)
                close(*session);
            ended.resolve(sessions.size());
        });
        Value answer;
        answer["disabled"] = jid->text();
        answer["sessions_ended"] = co_await ended;
        co_return answer;
    }

    task<Result<Value>> enable(const CommandCall& call)
    {
        auto user = co_await account_of(call);
        if (!user)
            co_return user.error();
        const auto done = co_await states_->enable(*user);
        if (!done)
            co_return done.error();
        Value answer;
        answer["enabled"] = *user + '@' + std::string(context_->host().domain());
        co_return answer;
    }

    task<Result<Value>> list(const CommandCall& call)
    {
        const auto limit = std::size_t(
            std::clamp<std::int64_t>(call.arguments.find("limit")->as_integer(), 1, most_listed));
        const std::string wanted(call.text("state"));
        std::string after(call.text("after"));
        Value::Array rows;
        if (wanted == "disabled") {
            for (const std::string& user : states_->list(after, limit))
                rows.push_back(row_of(user));
            co_return Value(std::move(rows));
        }
        for (bool is_last = false; !is_last && rows.size() < limit;) {
            const auto users = co_await context_->host().accounts().list(
                after, static_cast<std::uint32_t>(limit));
            if (!users)
                co_return users.error();
            is_last = users->size() < limit;
            for (const std::string& user : *users) {
                after = user;
                if (rows.size() < limit && (wanted.empty() || !states_->find(user)))
                    rows.push_back(row_of(user));
            }
        }
        co_return Value(std::move(rows));
    }

    Value row_of(const std::string& user) const
    {
        const auto state = states_->find(user);
        Value row;
        row["jid"] = user + '@' + std::string(context_->host().domain());
        row["state"] = state ? "disabled" : "enabled";
        row["reason"] = state ? state->reason : std::string();
        return row;
    }

    task<Result<Value>> count()
    {
        std::uint64_t registered = 0;
        std::string after;
        for (bool is_last = false; !is_last;) {
            const auto users = co_await context_->host().accounts().list(after, counted_page);
            if (!users)
                co_return users.error();
            registered += users->size();
            is_last = users->size() < counted_page;
            if (!is_last)
                after = users->back();
        }
        Value answer;
        answer["registered"] = registered;
        answer["disabled"] = std::uint64_t(states_->count());
        co_return answer;
    }

    task<Result<Value>> last_login(const CommandCall& call)
    {
        auto user = co_await account_of(call);
        if (!user)
            co_return user.error();
        const std::string jid = *user + '@' + std::string(context_->host().domain());
        const auto text = co_await logins_.get(jid, "last");
        if (!text)
            co_return text.error();
        if (!*text)
            co_return Error { jid + " has not logged in since logins are recorded",
                Error::Kind::not_found };
        auto login = Value::parse_json(**text);
        if (!login)
            co_return login.error();
        const WallTime when { std::chrono::milliseconds(login->find("when")->as_integer()) };
        (*login)["jid"] = jid;
        (*login)["when"] = utc_text(when);
        co_return *std::move(login);
    }

    task<Result<Value>> password_policy(const CommandCall& call)
    {
        Value answer;
        answer["min_length"] = std::int64_t(settings_.min_password_length);
        answer["max_bytes"] = std::int64_t(settings_.max_password_bytes);
        answer["may_contain_user"] = settings_.password_may_contain_user;
        answer["common_passwords"] = settings_.common_passwords;
        if (const auto password = call.text("password"); !password.empty()) {
            const auto checked = rules_->check(call.text("user"), password);
            answer["verdict"] = checked ? std::string("it could be chosen") : checked.error().text;
        }
        co_return answer;
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store logins_;
    std::optional<States> states_;
    std::optional<PasswordRules> rules_;
    std::optional<Attempts> on_account_;
    std::optional<Attempts> from_network_;
    std::mutex mutex_;
    std::optional<LruMap<bool>> known_; // guarded: places from where an account was logged in to
};

}

NUNCIO_PLUGIN(nuncio::accounts::AccountsPolicy, "accounts", "0.1.0",
    "Disabled accounts, limits for guessing, password rules", "requires=storage/1")
