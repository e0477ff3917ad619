// auth/1 over LDAP (RFC 4511): who somebody is, a directory says.
#include "directory.h"

#include <nuncio/connection_pool.h>
#include <nuncio/plugin.h>
#include <nuncio/user_directory.h>

#include <algorithm>
#include <iterator>

namespace nuncio::ldap {

namespace {

    constexpr std::size_t most_attributes = 64;
    constexpr auto list_is_fresh = 60s;
    constexpr std::int64_t most_shown = 100'000; // by a command

    std::vector<std::string> words(std::string_view text)
    {
        std::vector<std::string> found;
        while (!text.empty()) {
            const auto end = std::min(text.find(','), text.size());
            if (end > 0)
                found.emplace_back(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return found;
    }

}

class Ldap final : public Plugin, public AuthBackend, public UserDirectory {
public:
    static Schema schema() { return make_schema(); }

    Result<void> configure(const Config& config) override
    {
        Mistake mistake;
        // The host is known at the start only; its domain changes no rule's form.
        if (auto rules = make_rules(config.as<Settings>(), "example.org", mistake); !rules)
            return config.error(mistake.option, mistake.message);
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        Mistake mistake;
        auto rules = make_rules(settings_, context.host().domain(), mistake);
        if (!rules)
            return rules.error();
        directory_.emplace(*std::move(rules), context.log());
        pool_.emplace(context,
            ConnectionPoolOptions { .name = "ldap",
                .connections = settings_.connections,
                .queue = settings_.queue,
                .timeout = settings_.login_timeout,
                .breaker = { .failures = settings_.failures,
                    .rest = settings_.rest,
                    .longest_rest = settings_.longest_rest } },
            [this] { return directory_->connect(); });
        context.provide<AuthBackend>(*this);
        context.provide<UserDirectory>(*this);
        add_commands();
        context.spawn(look_around());
        return {};
    }

    AuthAbilities abilities() const override
    {
        return { .set_password = settings_.allow_set_password,
            .list = settings_.user_dn.empty() || !settings_.base.empty() };
    }

    task<Result<bool>> exists(std::string user) override
    {
        const auto found = co_await find(std::move(user), {});
        if (!found)
            co_return found.error();
        co_return found->has_value();
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        // RFC 4513 §5.1.2 once more: nobody shall have to look for this further down.
        const auto prepared = prepare_password(password);
        if (!prepared || prepared->empty())
            co_return false;
        auto job = [this, user = std::move(user), password = *prepared](Link& link) {
            return in_time<bool>(
                link, [&] { return directory_->check_password(link, user, password); });
        };
        co_return co_await pool_->run(std::move(job));
    }

    task<Result<void>> set_password(std::string user, std::string password) override
    {
        const auto prepared = prepare_password(password);
        if (!prepared)
            co_return prepared.error();
        auto job = [this, user = std::move(user), password = *prepared](Link& link) {
            return in_time<void>(
                link, [&] { return directory_->set_password(link, user, password); });
        };
        co_return co_await pool_->run(std::move(job));
    }

    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override
    {
        // Pages of the directory's come in its own order, so all are needed to begin with; who
        // turns the pages gets them from the same list.
        auto users = recent_list();
        if (after.empty() || !users) {
            auto job = [this](Link& link) {
                return in_time<std::vector<std::string>>(
                    link, [&] { return directory_->list(link); });
            };
            auto fresh = co_await pool_->run(std::move(job), settings_.list_timeout + 1s);
            if (!fresh)
                co_return fresh.error();
            users = keep_list(*std::move(fresh));
        }
        const auto first = std::ranges::upper_bound(*users, after);
        const auto count = std::min<std::ptrdiff_t>(users->end() - first, limit);
        co_return std::vector<std::string>(first, first + count);
    }

    task<Result<std::optional<std::string>>> password_mark(std::string user) override
    {
        using Mark = std::optional<std::string>;
        auto names = lock_attributes();
        std::ranges::copy(settings_.password_changed, std::back_inserter(names));
        const auto found = co_await find(user, std::move(names));
        if (!found)
            co_return found.error();
        if (!*found)
            co_return Mark();
        if (is_switched_off(**found))
            co_return Error { "the directory has disabled " + user, Error::Kind::disabled };
        for (const std::string& name : settings_.password_changed)
            if (const auto& values = (*found)->values(name); !values.empty())
                co_return Mark(name + '=' + values.front());
        co_return Mark(std::string());
    }

    Value health() const override
    {
        Value table = pool_->health();
        table["servers"] = directory_->health();
        return table;
    }

    task<Result<std::optional<std::vector<UserAttribute>>>> attributes(
        std::string user, std::vector<std::string> names) override
    {
        if (names.size() > most_attributes)
            co_return Error { "at most " + std::to_string(most_attributes)
                    + " attributes are looked up at a time",
                Error::Kind::limit };
        const auto found = co_await find(std::move(user), names);
        if (!found)
            co_return found.error();
        using Attributes = std::vector<UserAttribute>;
        if (!*found)
            co_return std::optional<Attributes>();
        if ((*found)->size() > settings_.lookup_bytes.count)
            co_return Error { "the entry is larger than lookup_bytes", Error::Kind::limit };
        Attributes attributes;
        for (std::string& name : names)
            if (const auto& values = (*found)->values(name); !values.empty())
                attributes.push_back({ std::move(name), values });
        co_return std::optional(std::move(attributes));
    }

private:
    using Names = std::shared_ptr<const std::vector<std::string>>; // shared: by who turns its pages

    /// Runs a job, or has it run over a new connection when this one is old: a server that is back
    /// is found again, and load spreads.
    template <class T, class Job>
    Result<T> in_time(const Link& link, Job job)
    {
        if (std::chrono::steady_clock::now() - link.made > settings_.connection_lifetime)
            return Error { "the connection has served its time", Error::Kind::unavailable };
        return job();
    }

    void add_commands()
    {
        context_->command({ .name = "ldap user",
                              .summary = "What the directory answers for a user",
                              .arguments = { { .name = "jid", .type = CommandArgument::Type::jid },
                                  { .name = "attributes",
                                      .doc = "of the entry, separated by commas",
                                      .required = false,
                                      .default_text = "cn,mail" } } },
            [this](const CommandCall& call) {
                return show(std::string(call.text("jid")), words(call.text("attributes")));
            });
        context_->command(
            { .name = "ldap users",
                .summary = "Those whom the directory lets in, by name",
                .arguments = { { .name = "host",
                                   .type = CommandArgument::Type::host,
                                   .doc = "whose directory",
                                   .required = false },
                    { .name = "after", .doc = "begins after this one", .required = false },
                    { .name = "limit",
                        .type = CommandArgument::Type::integer,
                        .doc = "how many",
                        .required = false,
                        .default_text = "100" } } },
            [this](const CommandCall& call) {
                const Value* const limit = call.arguments.find("limit");
                return show_all(std::string(call.text("after")),
                    std::uint32_t(std::clamp<std::int64_t>(limit->as_integer(), 0, most_shown)));
            });
    }

    task<Result<std::optional<Entry>>> find(std::string user, std::vector<std::string> names)
    {
        auto job = [this, user = std::move(user), names = std::move(names)](Link& link) {
            return in_time<std::optional<Entry>>(
                link, [&] { return directory_->find(link, user, names); });
        };
        co_return co_await pool_->run(std::move(job));
    }

    Names recent_list()
    {
        const std::lock_guard lock(mutex_);
        return Loop::current()->now() - listed_at_ < list_is_fresh ? list_ : nullptr;
    }
    Names keep_list(std::vector<std::string> users)
    {
        auto kept = std::make_shared<const std::vector<std::string>>(std::move(users));
        const std::lock_guard lock(mutex_);
        list_ = kept;
        listed_at_ = Loop::current()->now();
        return kept;
    }

    /// Tells the administrator at the start what users would find out later. A directory that is
    /// down may come back: it keeps nobody from starting.
    task<void> look_around()
    {
        auto job = [this](Link& link) {
            return in_time<void>(link, [&] { return directory_->probe(link); });
        };
        const auto found = co_await pool_->run(std::move(job));
        Log& log = context_->log();
        if (!found)
            log.warn("nobody can log in by the directory now: {}", found.error().text);
        else
            log.info("the directory answers");
        const bool is_plain = std::ranges::any_of(
            settings_.servers, [](const std::string& url) { return url.starts_with("ldap:"); });
        if (settings_.tls == "none" && is_plain)
            log.warn("passwords go to the directory unencrypted (tls = \"none\")");
        else if (settings_.tls_reqcert == "never")
            log.warn("anybody on the way can pose as the directory (tls_reqcert = \"never\")");
    }

    task<Result<Value>> show(std::string address, std::vector<std::string> names)
    {
        const auto jid = Jid::parse(address);
        if (!jid)
            co_return jid.error();
        const auto found = co_await attributes(std::string(jid->local()), std::move(names));
        if (!found)
            co_return found.error();
        if (!*found)
            co_return Error { "the directory has no user " + std::string(jid->local())
                    + " who may log in here",
                Error::Kind::not_found };
        Value answer;
        answer["user"] = jid->bare_text();
        for (const UserAttribute& attribute : **found) {
            Value::Array values;
            for (const std::string& value : attribute.values)
                values.emplace_back(value);
            answer[attribute.name] = std::move(values);
        }
        co_return answer;
    }

    task<Result<Value>> show_all(std::string after, std::uint32_t limit)
    {
        const auto users = co_await list(std::move(after), limit);
        if (!users)
            co_return users.error();
        Value::Array rows;
        for (const std::string& user : *users) {
            Value row;
            row["user"] = user;
            rows.push_back(std::move(row));
        }
        co_return Value(std::move(rows));
    }

    Settings settings_;
    Context* context_ = nullptr;
    std::mutex mutex_;
    Names list_; // guarded
    TimePoint listed_at_ {}; // guarded
    std::optional<Directory> directory_;
    std::optional<ConnectionPool<Link>> pool_; // last: its jobs use all of the above
};

}

NUNCIO_PLUGIN(nuncio::ldap::Ldap, "ldap", "0.1.0", "Accounts in an LDAP directory",
    "provides=auth/1 user-directory/1")
