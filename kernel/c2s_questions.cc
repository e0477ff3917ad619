// What a login asks the backends and the plugins.
#include "c2s_questions.h"

#include "auth_chain.h"
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "c2s_stream.h"
#include "first_objection.h"
#include "route_table.h"
#include "server.h"
#include "token_door.h"
#include "virtual_host.h"

#include <utility>
#include <vector>

namespace nuncio::kernel {

using Answer = LoginQuestion::Answer;

namespace {

    /// The mark of the password that is going to be proved, and nothing else yet.
    task<sasl::BackendAnswer> mark_for(VirtualHost& host, std::string user, TokenWish wish)
    {
        sasl::BackendAnswer answer;
        if (wish == TokenWish::no)
            co_return answer;
        auto mark = co_await host.auth().password_mark(user);
        answer.mark_failed = !mark;
        if (mark)
            answer.password_mark = *std::move(mark);
        // What else there is to say hears who has proved something.
        else if (mark.error().kind != Error::Kind::disabled
            && mark.error().kind != Error::Kind::expired)
            host.server().log().warn("no token for {}: {}", user, mark.error().text);
        co_return answer;
    }

}

task<Answer> LoginQuestion::keys(
    VirtualHost& host, std::string user, ScramHash hash, TokenWish wish)
{
    auto answer = co_await mark_for(host, user, wish);
    auto keys = co_await host.auth().scram_keys(std::move(user), hash);
    // Nothing was proved yet: the state of the account is not for this client.
    if (!keys)
        co_return Error { keys.error().text, Error::Kind::unavailable };
    answer.keys = *std::move(keys);
    co_return answer;
}

task<Answer> LoginQuestion::password(
    VirtualHost& host, std::string user, std::string password, TokenWish wish)
{
    auto answer = co_await mark_for(host, user, wish);
    const auto is_right = co_await host.auth().check_password(std::move(user), std::move(password));
    if (!is_right)
        co_return is_right.error();
    answer.password_matches = *is_right;
    co_return answer;
}

task<Answer> LoginQuestion::anonymous(VirtualHost& host)
{
    auto made = co_await host.auth().make_anonymous();
    if (!made)
        co_return made.error();
    sasl::BackendAnswer answer;
    answer.users.push_back(*std::move(made));
    co_return answer;
}

task<Answer> LoginQuestion::tokens(VirtualHost& host, LoginClient client, std::string mechanism)
{
    auto tokens = co_await TokenDoor(host).find(std::move(client), std::move(mechanism));
    if (!tokens)
        co_return Error { tokens.error().text, Error::Kind::unavailable };
    sasl::BackendAnswer answer;
    answer.tokens = *std::move(tokens);
    co_return answer;
}

task<Answer> LoginQuestion::users(VirtualHost& host, ClientCertificate certificate)
{
    auto users = co_await host.auth().certificate_users(std::move(certificate));
    if (!users)
        co_return users.error();
    sasl::BackendAnswer answer;
    answer.users = *std::move(users);
    co_return answer;
}

namespace {

    /// Waits while a plugin of the chain hands over.
    task<void> in_service(VirtualHost& host, HookChain RouteTable::*chain)
    {
        while ((host.table().*chain).is_paused) {
            const Completion<bool> released;
            host.hold(host.domain(), [released] { released.resolve(true); });
            co_await released;
        }
    }

    Duration answer_time(VirtualHost& host)
    {
        return host.server().settings().limits.answer_time;
    }

    /// Asks the plugins whether the attempt may be made at all: the reason why not, or nothing.
    task<std::optional<std::string>> refusal(
        std::shared_ptr<StreamHandle> handle, std::string user, std::string mechanism)
    {
        std::vector<Completion<std::optional<std::string>>> waits;
        VirtualHost& host = handle->virtual_host();
        Duration delay {};
        co_await in_service(host, &RouteTable::authentication_beginning);
        if (const HookChain& chain = host.table().authentication_beginning; !chain.empty()) {
            AuthenticationBeginning event { *handle, user, mechanism, waits };
            run_chain(chain, &event);
            delay = event.delay;
        }
        if (delay > Duration::zero())
            co_await sleep_for(delay);
        if (waits.empty())
            co_return std::optional<std::string>(); // most logins: no frame for it
        auto reason = co_await first_objection(
            std::move(waits), answer_time(host), std::string(answers_too_late));
        co_return reason;
    }

    /// What the plugins hold against somebody who has proved who it is.
    task<std::optional<Error>> objection(
        std::shared_ptr<StreamHandle> handle, std::string user, std::string mechanism)
    {
        std::vector<Completion<std::optional<Error>>> waits;
        VirtualHost& host = handle->virtual_host();
        co_await in_service(host, &RouteTable::authentication_proved);
        AuthenticationProved event { *handle, user, mechanism, waits };
        run_chain(host.table().authentication_proved, &event);
        if (waits.empty())
            co_return std::optional<Error>();
        Error too_late { std::string(answers_too_late), Error::Kind::unavailable };
        auto refusal
            = co_await first_objection(std::move(waits), answer_time(host), std::move(too_late));
        co_return refusal;
    }

}

Detached LoginQuestion::ask(std::shared_ptr<StreamHandle> handle, std::string user,
    std::string mechanism, Function<task<Answer>(VirtualHost&)> question)
{
    Answer answer = sasl::BackendAnswer();
    try {
        auto reason = co_await refusal(handle, std::move(user), std::move(mechanism));
        if (reason) {
            answer = Error { *std::move(reason), Error::Kind::unavailable };
        } else {
            auto asked = question(handle->virtual_host());
            answer = co_await std::move(asked);
        }
    } catch (const std::exception& thrown) {
        answer = Error { thrown.what(), Error::Kind::internal };
    }
    if (handle->negotiation())
        handle->negotiation()->answered(std::move(answer));
}

Detached LoginQuestion::ask_abilities(std::shared_ptr<StreamHandle> handle, std::string user)
{
    static constexpr std::pair<ScramHash, bool AuthAbilities::*> by_hash[]
        = { { ScramHash::sha1, &AuthAbilities::scram_sha1 },
              { ScramHash::sha256, &AuthAbilities::scram_sha256 },
              { ScramHash::sha512, &AuthAbilities::scram_sha512 } };
    AuthAbilities abilities = handle->virtual_host().auth().abilities();
    AuthAbilities narrowed = abilities;
    bool has_keys = false;
    try {
        for (const auto& [hash, ability] : by_hash) {
            if (!(abilities.*ability))
                continue;
            const auto keys = co_await handle->virtual_host().auth().scram_keys(user, hash);
            // Who cannot be asked about is offered everything, and hears the rest later.
            narrowed.*ability = !keys || keys->has_value();
            has_keys |= keys && keys->has_value();
        }
    } catch (const std::exception&) {
        has_keys = false;
    }
    // So is everybody who does not exist: nothing tells them from those with all keys.
    if (has_keys)
        abilities = narrowed;
    if (handle->negotiation())
        handle->negotiation()->abilities_known(abilities);
}

Detached LoginQuestion::ask_owner(
    std::shared_ptr<StreamHandle> handle, ClientCertificate certificate)
{
    Result<std::vector<std::string>> users = std::vector<std::string>();
    try {
        users = co_await handle->virtual_host().auth().certificate_users(std::move(certificate));
    } catch (const std::exception& thrown) {
        users = Error { thrown.what(), Error::Kind::internal };
    }
    Negotiation* const self = handle->negotiation();
    if (!self)
        co_return;
    if (users)
        co_return self->owner_found(!users->empty());
    // Who is known, but may not come in, shall hear that from the attempt.
    const bool is_known
        = sasl::failure_of_backend(users.error().kind) != sasl::Failure::temporary_auth_failure;
    if (!is_known)
        self->stream().loop().parts().log->warn(
            "the owner of a certificate from {}: {}", handle->address(), users.error().text);
    self->owner_found(is_known);
}

Detached LoginQuestion::ask_verdict(std::shared_ptr<StreamHandle> handle, std::string user,
    std::string mechanism, sasl::Step success)
{
    std::optional<Error> refusal;
    try {
        refusal = co_await objection(handle, std::move(user), std::move(mechanism));
    } catch (const std::exception& thrown) {
        refusal = Error { thrown.what(), Error::Kind::internal };
    }
    if (handle->negotiation())
        handle->negotiation()->judged(std::move(success), refusal);
}

}
