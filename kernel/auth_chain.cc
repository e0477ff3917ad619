// A host's chain of auth backends behind one face.
#include "auth_chain.h"

#include "first_objection.h"
#include "server.h"
#include "service_call.h"
#include "virtual_host.h"

#include <nuncio/storage.h>

#include <algorithm>

namespace nuncio::kernel {

namespace {

    /// One backend of the chain, kept in place while the chain is asked.
    struct Link {
        AuthBackend* backend;
        PluginInstance* instance;
        Lease lease;
    };

    std::vector<Link> chain_of(VirtualHost& host)
    {
        std::vector<Link> links;
        for (const std::string& name : host.settings().auth)
            for (const auto& instance : host.table().instances)
                if (instance->name() == name)
                    for (const auto& service : instance->registrations().services)
                        if (service.interface == AuthBackend::interface)
                            links.push_back({ static_cast<AuthBackend*>(service.service),
                                instance.get(), Lease(*instance) });
        return links;
    }

    bool hands_over(VirtualHost& host)
    {
        const RouteTable& table = host.table();
        return table.is_pausing && std::ranges::any_of(table.instances, [&](const auto& instance) {
            return table.is_paused(*instance)
                && std::ranges::find(host.settings().auth, instance->name())
                != host.settings().auth.end();
        });
    }

    /// The chain once none of its backends hands over to its next generation. Who has it keeps
    /// them all in place, so it must not wait for the chain again while it does.
    task<std::vector<Link>> ready_chain_of(VirtualHost& host)
    {
        while (hands_over(host)) {
            const Completion<bool> released;
            host.hold(AuthBackend::interface, [released] { released.resolve(true); });
            co_await released;
        }
        co_return chain_of(host);
    }

    Error no_backend(VirtualHost& host)
    {
        return Error { "no auth backend is running for " + std::string(host.domain())
                + ": check `auth` of the host and `nuncioctl plugin list`",
            Error::Kind::unavailable };
    }

    template <class T, class Call>
    task<Result<T>> ask(const Link& link, Call call)
    {
        auto bound = [&] { return call(*link.backend); };
        co_return co_await call_service<T>(*link.instance, bound);
    }

    /// What backends answer is trusted no more than what comes from outside.
    bool is_user(const std::string& name)
    {
        const auto prepared = prepare_local(name);
        return prepared && !prepared->empty() && *prepared == name;
    }

    Error no_local_part(const Link& link, const std::string& answer)
    {
        return Error { link.instance->name() + ": answered '" + answer
                + "', which is no prepared local part",
            Error::Kind::internal };
    }

    /// The client has proved who it is; the account is not good for a login.
    bool speaks_of_account(const Error& error)
    {
        return error.kind == Error::Kind::disabled || error.kind == Error::Kind::expired;
    }

    /// Whether one backend can do something, and has the user to do it to.
    task<Result<bool>> can(const Link& link, bool AuthAbilities::*ability, std::string user)
    {
        if (!(link.backend->abilities().*ability))
            co_return false;
        co_return co_await ask<bool>(
            link, [&](AuthBackend& backend) { return backend.exists(user); });
    }

}

void AuthChain::in_turn(std::string_view hook, JidView bare, Function<void(Account&)> job)
{
    host_.at_home(bare, [this, hook, job = std::move(job)](Account& account) mutable {
        const HookChain* const chain = host_.table().find_chain(hook);
        if (!chain || !host_.must_wait(*chain, account.jid().text()))
            return job(account);
        host_.hold(account.jid().text(),
            [this, hook, jid = Jid(account.jid()), later = std::move(job)]() mutable {
                in_turn(hook, jid, std::move(later));
            });
    });
}

AuthAbilities AuthChain::abilities() const
{
    AuthAbilities all { .check_password = false };
    for (const Link& link : chain_of(host_)) {
        const AuthAbilities one = link.backend->abilities();
        all.check_password |= one.check_password;
        all.scram_sha1 |= one.scram_sha1;
        all.scram_sha256 |= one.scram_sha256;
        all.scram_sha512 |= one.scram_sha512;
        all.set_password |= one.set_password;
        all.create |= one.create;
        all.remove |= one.remove;
        all.list |= one.list;
        all.anonymous |= one.anonymous;
        all.certificate |= one.certificate;
        all.set_scram_keys |= one.set_scram_keys;
        all.scram_iterations = std::max(all.scram_iterations, one.scram_iterations);
        all.scram_varies |= one.scram_varies;
    }
    return all;
}

task<Result<std::optional<ScramKeys>>> AuthChain::scram_keys(std::string user, ScramHash hash)
{
    using Keys = std::optional<ScramKeys>;
    const auto links = co_await ready_chain_of(host_);
    if (links.empty())
        co_return no_backend(host_);
    for (const Link& link : links) {
        auto keys = co_await ask<Keys>(
            link, [&](AuthBackend& backend) { return backend.scram_keys(user, hash); });
        if (!keys && keys.error().kind != Error::Kind::refused)
            co_return keys.error();
        if (keys && *keys)
            co_return std::move(*keys);
    }
    co_return Keys();
}

task<Result<std::string>> AuthChain::make_anonymous()
{
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        if (!link.backend->abilities().anonymous)
            continue;
        auto made = co_await ask<std::string>(
            link, [](AuthBackend& backend) { return backend.make_anonymous(); });
        if (made && !is_user(*made))
            co_return no_local_part(link, *made);
        co_return made;
    }
    co_return no_backend(host_);
}

task<Result<std::vector<std::string>>> AuthChain::certificate_users(ClientCertificate certificate)
{
    auto owners = co_await ask_owners(std::move(certificate));
    if (!owners)
        co_return owners.error();
    // XEP-0178 §2: addresses that belong to an account here.
    std::vector<std::string> users;
    for (std::string& owner : *owners) {
        const auto is_known = co_await exists(owner);
        if (!is_known)
            co_return is_known.error();
        if (*is_known)
            users.push_back(std::move(owner));
    }
    co_return users;
}

task<Result<std::vector<std::string>>> AuthChain::ask_owners(ClientCertificate certificate)
{
    using Users = std::vector<std::string>;
    Users users;
    std::optional<Error> failure;
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        if (!link.backend->abilities().certificate)
            continue;
        auto found = co_await ask<Users>(
            link, [&](AuthBackend& backend) { return backend.certificate_users(certificate); });
        // As with passwords: who cannot answer says nothing against what the others say.
        if (!found) {
            failure = found.error();
            if (speaks_of_account(*failure))
                break;
            continue;
        }
        for (std::string& user : *found) {
            if (!is_user(user))
                co_return no_local_part(link, user);
            users.push_back(std::move(user));
        }
    }
    if (failure && (users.empty() || speaks_of_account(*failure)))
        co_return *failure;
    std::ranges::sort(users);
    users.erase(std::unique(users.begin(), users.end()), users.end());
    co_return users;
}

task<Result<void>> AuthChain::set_scram_keys(std::string user, ScramHash hash, ScramKeys keys)
{
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        const auto able = co_await can(link, &AuthAbilities::set_scram_keys, user);
        if (!able)
            co_return able.error();
        if (*able)
            co_return co_await ask<void>(link, [&](AuthBackend& backend) {
                return backend.set_scram_keys(user, hash, std::move(keys));
            });
    }
    co_return Error { "no auth backend keeps new keys for " + user, Error::Kind::not_found };
}

task<Result<std::optional<std::string>>> AuthChain::password_mark(std::string user)
{
    using Mark = std::optional<std::string>;
    const auto links = co_await ready_chain_of(host_);
    if (links.empty())
        co_return no_backend(host_);
    for (const Link& link : links) {
        auto mark = co_await ask<Mark>(
            link, [&](AuthBackend& backend) { return backend.password_mark(user); });
        if (!mark || *mark)
            co_return mark;
    }
    co_return Mark();
}

task<Result<bool>> AuthChain::exists(std::string user)
{
    const auto links = co_await ready_chain_of(host_);
    if (links.empty())
        co_return no_backend(host_);
    for (const Link& link : links) {
        auto found
            = co_await ask<bool>(link, [&](AuthBackend& backend) { return backend.exists(user); });
        if (!found || *found)
            co_return found;
    }
    co_return false;
}

task<Result<bool>> AuthChain::check_password(std::string user, std::string password)
{
    const auto links = co_await ready_chain_of(host_);
    if (links.empty())
        co_return no_backend(host_);
    // A backend that cannot answer now must not turn a right password into a wrong one: its error
    // is the answer unless another backend says yes. One that knows the password, but not to be
    // good for a login any more, has the last word.
    std::optional<Error> failure;
    for (const Link& link : links) {
        auto right = co_await ask<bool>(
            link, [&](AuthBackend& backend) { return backend.check_password(user, password); });
        if (right && *right)
            co_return true;
        if (!right) {
            failure = right.error();
            if (speaks_of_account(*failure))
                break;
        }
    }
    if (failure)
        co_return *failure;
    co_return false;
}

task<Result<void>> AuthChain::approve(std::string user, std::string password)
{
    const auto chain_now = [this] { return host_.table().find_chain(PasswordChoosing::hook); };
    while (chain_now() && chain_now()->is_paused) {
        const Completion<bool> released;
        host_.hold(host_.domain(), [released] { released.resolve(true); });
        co_await released;
    }
    const HookChain* const chain = chain_now();
    if (!chain)
        co_return Result<void>();
    std::vector<Completion<std::optional<Error>>> waits;
    PasswordChoosing event { host_, user, password, waits };
    run_chain(*chain, &event);
    Error too_late { std::string(answers_too_late), Error::Kind::unavailable };
    auto refusal = co_await first_objection(
        std::move(waits), host_.server().settings().limits.answer_time, std::move(too_late));
    if (refusal)
        co_return *std::move(refusal);
    co_return Result<void>();
}

void AuthChain::announce_created(const std::string& user)
{
    if (auto jid = Jid::make(user, host_.domain()))
        in_turn(AccountCreated::hook, *jid, [this](Account& account) {
            AccountCreated event { account };
            run_chain(host_.table().account_created, &event);
        });
}

void AuthChain::announce_changed(const std::string& user)
{
    if (auto jid = Jid::make(user, host_.domain()))
        in_turn(PasswordChanged::hook, *jid, [this](Account& account) {
            PasswordChanged event { account };
            run_chain(host_.table().password_changed, &event);
        });
}

task<Result<AuthChain::Imported>> AuthChain::import_account(
    Import account, ExistingAccount existing, Trial trial)
{
    const auto links = co_await ready_chain_of(host_);
    if (links.empty())
        co_return no_backend(host_);
    const Link* owner = nullptr;
    for (const Link& link : links) {
        const auto has_it = co_await ask<bool>(
            link, [&](AuthBackend& backend) { return backend.exists(account.user); });
        if (!has_it)
            co_return has_it.error();
        if (*has_it) {
            owner = &link;
            break;
        }
    }
    if (owner && existing == ExistingAccount::refuse)
        co_return Error { "the account " + account.user + " exists already",
            Error::Kind::conflict };
    const bool has_keys
        = std::ranges::any_of(account.keys, [](const auto& keys) { return keys.has_value(); });
    const Link* target = nullptr;
    bool by_password = false;
    for (const Link& link : links) {
        if (owner && &link != owner)
            continue;
        const AuthAbilities able = link.backend->abilities();
        // A password is worth more than keys of one hash.
        by_password = account.password && (owner ? able.set_password : able.create);
        if (!by_password && !(able.import_keys && has_keys))
            continue;
        target = &link;
        break;
    }
    if (!target)
        co_return Error { std::string("no auth backend of ") + std::string(host_.domain())
                + (has_keys ? " takes keys of another server" : " takes passwords")
                + (owner ? " for this account, which exists" : ""),
            Error::Kind::refused };
    const Imported outcome = owner ? Imported::replaced : Imported::created;
    if (trial == Trial::only_ask)
        co_return outcome;
    auto done = co_await ask<void>(*target, [&](AuthBackend& backend) {
        if (!by_password)
            return backend.import_keys(account.user, account.keys, existing);
        return owner ? backend.set_password(account.user, *account.password)
                     : backend.create(account.user, *account.password);
    });
    if (!done)
        co_return done.error();
    if (owner)
        announce_changed(account.user);
    else
        announce_created(account.user);
    co_return outcome;
}

task<Result<void>> AuthChain::create(std::string user, std::string password)
{
    auto approved = co_await approve(user, password);
    if (!approved)
        co_return approved.error();
    auto known = co_await exists(user);
    if (!known)
        co_return known.error();
    if (*known)
        co_return Error { "the account " + user + " exists already", Error::Kind::conflict };
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        if (!link.backend->abilities().create)
            continue;
        auto made = co_await ask<void>(
            link, [&](AuthBackend& backend) { return backend.create(user, password); });
        if (made)
            announce_created(user);
        co_return made;
    }
    co_return Error { "no auth backend of " + std::string(host_.domain()) + " can create accounts",
        Error::Kind::refused };
}

task<Result<void>> AuthChain::set_password(std::string user, std::string password)
{
    auto approved = co_await approve(user, password);
    if (!approved)
        co_return approved.error();
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        const auto able = co_await can(link, &AuthAbilities::set_password, user);
        if (!able)
            co_return able.error();
        if (!*able)
            continue;
        auto set = co_await ask<void>(
            link, [&](AuthBackend& backend) { return backend.set_password(user, password); });
        if (set)
            announce_changed(user);
        co_return set;
    }
    co_return Error { "there is no account " + user + " whose password could be changed here",
        Error::Kind::not_found };
}

std::vector<AuthChain::BackendStatus> AuthChain::status() const
{
    std::vector<BackendStatus> rows;
    for (const Link& link : chain_of(host_)) {
        const InPlugin inside(*link.instance, Leased::Part::service);
        rows.push_back(
            { link.instance->name(), link.backend->abilities(), link.backend->health() });
    }
    return rows;
}

task<std::vector<AuthChain::BackendVerdict>> AuthChain::examine(
    std::string user, std::string password)
{
    std::vector<BackendVerdict> verdicts;
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        const TimePoint began = Loop::current()->now();
        auto exists
            = co_await ask<bool>(link, [&](AuthBackend& backend) { return backend.exists(user); });
        BackendVerdict verdict { link.instance->name(), std::move(exists) };
        if (!password.empty())
            verdict.password = co_await ask<bool>(
                link, [&](AuthBackend& backend) { return backend.check_password(user, password); });
        verdict.took = Loop::current()->now() - began;
        verdicts.push_back(std::move(verdict));
    }
    co_return verdicts;
}

/// From every backend that knows the user; whether any did.
task<Result<bool>> AuthChain::remove_keys(std::string user)
{
    bool removed = false;
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        const auto able = co_await can(link, &AuthAbilities::remove, user);
        if (!able)
            co_return able.error();
        if (!*able)
            continue;
        auto done
            = co_await ask<void>(link, [&](AuthBackend& backend) { return backend.remove(user); });
        if (!done)
            co_return done.error();
        removed = true;
    }
    co_return removed;
}

task<Result<void>> AuthChain::remove(std::string user)
{
    const auto gone = co_await remove_keys(user);
    if (!gone)
        co_return gone.error();
    if (!*gone)
        co_return Error { "there is no account " + user, Error::Kind::not_found };

    auto jid = Jid::make(user, host_.domain());
    if (!jid)
        co_return jid.error();
    // Plugins say good-bye, the sessions end and plugins tidy up, all at the account's home; what
    // stores hold goes last, so that nothing a plugin still writes stays behind.
    Completion<std::vector<Completion<bool>>> announced;
    in_turn(AccountRemoving::hook, *jid, [this, announced](Account& account) {
        std::vector<Completion<bool>> waits;
        AccountRemoving event { account, waits };
        if (const HookChain* chain = host_.table().find_chain(AccountRemoving::hook))
            run_chain(*chain, &event);
        announced.resolve(std::move(waits));
    });
    const auto waits = co_await announced;
    const TimePoint deadline
        = Loop::current()->now() + host_.server().settings().limits.answer_time;
    for (const Completion<bool>& wait : waits) {
        const auto ready = co_await within(wait, deadline - Loop::current()->now());
        if (!ready)
            host_.server().log().warn(
                "the account {} is removed: {}", jid->text(), answers_too_late);
    }
    Completion<bool> told;
    in_turn(AccountRemoved::hook, *jid, [this, told](Account& account) {
        const std::vector<Session*> sessions(account.sessions().begin(), account.sessions().end());
        for (Session* session : sessions)
            session->close({ StreamError::Condition::not_authorized, "the account was removed" });
        AccountRemoved event { account };
        run_chain(host_.table().account_removed, &event);
        told.resolve(true);
    });
    co_await told;
    if (!host_.table().find_service(StorageDriver::interface))
        co_return Result<void>();
    Completion<Result<std::vector<StorageAnswer>>> forgotten;
    std::vector<StorageOp> batch(1);
    batch[0].kind = StorageOp::Kind::remove_owner;
    batch[0].owner = jid->text();
    host_.storage().execute(
        std::move(batch), [forgotten](Result<std::vector<StorageAnswer>> answer) {
            forgotten.resolve(std::move(answer));
        });
    auto answer = co_await forgotten;
    if (!answer)
        co_return answer.error();
    co_return Result<void>();
}

task<Result<std::vector<std::string>>> AuthChain::list(std::string after, std::uint32_t limit)
{
    std::vector<std::string> users;
    const auto links = co_await ready_chain_of(host_);
    for (const Link& link : links) {
        if (!link.backend->abilities().list)
            continue;
        auto more = co_await ask<std::vector<std::string>>(
            link, [&](AuthBackend& backend) { return backend.list(after, limit); });
        if (!more)
            co_return more.error();
        users.insert(users.end(), more->begin(), more->end());
    }
    std::ranges::sort(users);
    users.erase(std::unique(users.begin(), users.end()), users.end());
    if (users.size() > limit)
        users.resize(limit);
    co_return users;
}

}
