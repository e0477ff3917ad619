// RFC 6120 §6: SASL on a client's stream: the exchange, the backend it asks, and what success does.
#include "auth_chain.h"
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "c2s_stream.h"
#include "detached.h"
#include "loop.h"
#include "route_table.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>
#include <cassert>

namespace nuncio::kernel {

namespace {

    constexpr std::uint32_t failures_per_attempt = 4;

}

/// One question to the backends or the plugins. The stream may be gone when they answer.
struct BackendQuestion {
    /// Waits while a plugin of the chain hands over.
    static task<void> in_service(VirtualHost& host, HookChain RouteTable::*chain)
    {
        while ((host.table().*chain).is_paused) {
            const Completion<bool> released;
            host.hold(host.domain(), [released] { released.resolve(true); });
            co_await released;
        }
    }

    /// Asks the plugins whether the attempt may be made at all: the reason why not, or nothing.
    static task<std::optional<std::string>> refusal(
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
        for (auto& wait : waits)
            if (auto reason = co_await wait; reason)
                co_return reason;
        co_return std::optional<std::string>();
    }

    static Detached ask_keys(std::shared_ptr<StreamHandle> handle, std::string user, ScramHash hash,
        std::string mechanism)
    {
        Result<sasl::BackendAnswer> answer = sasl::BackendAnswer();
        try {
            auto reason = co_await refusal(handle, user, std::move(mechanism));
            Result<std::optional<ScramKeys>> keys = Error { reason.value_or("") };
            if (!reason)
                keys = co_await handle->virtual_host().auth().scram_keys(std::move(user), hash);
            // Nothing was proved yet: the state of the account is not for this client.
            if (keys)
                answer = sasl::BackendAnswer { .keys = *std::move(keys) };
            else
                answer = Error { keys.error().text, Error::Kind::unavailable };
        } catch (const std::exception& thrown) {
            answer = Error { thrown.what(), Error::Kind::internal };
        }
        if (handle->negotiation())
            handle->negotiation()->answered(std::move(answer));
    }

    static Detached ask_password(std::shared_ptr<StreamHandle> handle, std::string user,
        std::string password, std::string mechanism)
    {
        Result<sasl::BackendAnswer> answer = sasl::BackendAnswer();
        try {
            auto reason = co_await refusal(handle, user, std::move(mechanism));
            Result<bool> right = Error { reason.value_or("") };
            if (!reason)
                right = co_await handle->virtual_host().auth().check_password(
                    std::move(user), std::move(password));
            if (right)
                answer = sasl::BackendAnswer { .password_matches = *right };
            else
                answer = right.error();
        } catch (const std::exception& thrown) {
            answer = Error { thrown.what(), Error::Kind::internal };
        }
        if (handle->negotiation())
            handle->negotiation()->answered(std::move(answer));
    }

    static Detached ask_anonymous(std::shared_ptr<StreamHandle> handle, std::string mechanism)
    {
        Result<sasl::BackendAnswer> answer = sasl::BackendAnswer();
        try {
            auto reason = co_await refusal(handle, {}, std::move(mechanism));
            Result<std::string> made = Error { reason.value_or("") };
            if (!reason)
                made = co_await handle->virtual_host().auth().make_anonymous();
            if (made)
                answer = sasl::BackendAnswer { .users = { *std::move(made) } };
            else
                answer = made.error();
        } catch (const std::exception& thrown) {
            answer = Error { thrown.what(), Error::Kind::internal };
        }
        if (handle->negotiation())
            handle->negotiation()->answered(std::move(answer));
    }

    static Detached ask_certificate(std::shared_ptr<StreamHandle> handle, std::string user,
        std::string mechanism, ClientCertificate certificate)
    {
        Result<sasl::BackendAnswer> answer = sasl::BackendAnswer();
        try {
            auto reason = co_await refusal(handle, std::move(user), std::move(mechanism));
            Result<std::vector<std::string>> users = Error { reason.value_or("") };
            if (!reason)
                users = co_await handle->virtual_host().auth().certificate_users(
                    std::move(certificate));
            if (users)
                answer = sasl::BackendAnswer { .users = *std::move(users) };
            else
                answer = users.error();
        } catch (const std::exception& thrown) {
            answer = Error { thrown.what(), Error::Kind::internal };
        }
        if (handle->negotiation())
            handle->negotiation()->answered(std::move(answer));
    }

    /// Whether it makes sense to offer a login by this certificate.
    static Detached ask_owner(std::shared_ptr<StreamHandle> handle, ClientCertificate certificate)
    {
        Result<std::vector<std::string>> users = std::vector<std::string>();
        try {
            users
                = co_await handle->virtual_host().auth().certificate_users(std::move(certificate));
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

    /// Asks the plugins whether somebody who has proved who it is may come in.
    static Detached ask_verdict(std::shared_ptr<StreamHandle> handle, std::string user,
        std::string mechanism, sasl::Step success)
    {
        std::optional<Error> refusal;
        try {
            std::vector<Completion<std::optional<Error>>> waits;
            co_await in_service(handle->virtual_host(), &RouteTable::authentication_proved);
            AuthenticationProved event { *handle, user, mechanism, waits };
            run_chain(handle->virtual_host().table().authentication_proved, &event);
            for (auto& wait : waits)
                if (refusal = co_await wait; refusal)
                    break;
        } catch (const std::exception& thrown) {
            refusal = Error { thrown.what(), Error::Kind::internal };
        }
        if (handle->negotiation())
            handle->negotiation()->judged(std::move(success), refusal);
    }
};

void Negotiation::ask_for_owner()
{
    const auto& allowed = host_->settings().mechanisms;
    const bool is_wanted = may_authenticate()
        && (allowed.empty() || std::ranges::find(allowed, "EXTERNAL") != allowed.end())
        && host_->auth().abilities().certificate;
    certificate_
        = is_wanted ? stream_.connection().client_certificate(host_->domain()) : std::nullopt;
    knows_owner_ = false;
    if (!certificate_)
        return offer_features();
    if (!certificate_->is_trusted)
        stream_.loop().parts().log->info("the certificate of {} ({}) is not trusted: {}",
            stream_.address(), certificate_->subject, certificate_->problem);
    stream_.hold(C2sStream::hold_answer);
    BackendQuestion::ask_owner(handle_, *certificate_);
}

void Negotiation::owner_found(bool is_known)
{
    knows_owner_ = is_known;
    offer_features();
    stream_.release(C2sStream::hold_answer);
}

void Negotiation::prepare_exchange()
{
    Connection& connection = stream_.connection();
    const HostSettings& settings = host_->settings();
    sasl::ChannelBindings bindings;
    if (connection.is_encrypted())
        bindings = { connection.has_channel_binding(ChannelBinding::exporter),
            connection.has_channel_binding(ChannelBinding::end_point),
            [&connection](std::string_view type) {
                return connection.channel_binding(type == sasl::ChannelBindings::exporter_name
                        ? ChannelBinding::exporter
                        : ChannelBinding::end_point);
            } };
    sasl::Offer offer;
    if (may_authenticate())
        offer = sasl::Offer({ .abilities = host_->auth().abilities(),
            .allowed = settings.mechanisms,
            .is_encrypted = connection.is_encrypted(),
            .plain_without_tls = settings.allow_plain_without_tls,
            .has_channel_binding = bindings.any(),
            .has_certificate = knows_owner_ });
    exchange_ = std::make_unique<sasl::Exchange>(
        sasl::Exchange::Surroundings { std::string(host_->domain()), offer, std::move(bindings),
            stream_.loop().parts().decoys, connection.is_encrypted() });
}

void Negotiation::authenticate(ElementRef element)
{
    take(exchange_->handle(element));
}

void Negotiation::take(sasl::Step step)
{
    using Kind = sasl::Step::Kind;
    switch (step.kind) {
    case Kind::ask_keys:
        stream_.hold(C2sStream::hold_answer);
        BackendQuestion::ask_keys(handle_, exchange_->user(), exchange_->hash(),
            std::string(exchange_->mechanism_name()));
        return;
    case Kind::ask_password:
        stream_.hold(C2sStream::hold_answer);
        BackendQuestion::ask_password(handle_, exchange_->user(), exchange_->take_password(),
            std::string(exchange_->mechanism_name()));
        return;
    case Kind::ask_certificate:
        stream_.hold(C2sStream::hold_answer);
        BackendQuestion::ask_certificate(handle_, exchange_->user(),
            std::string(exchange_->mechanism_name()), certificate_.value_or(ClientCertificate()));
        return;
    case Kind::ask_anonymous:
        stream_.hold(C2sStream::hold_answer);
        stream_.loop().parts().log->debug(
            "somebody without a name from {} says: {}", stream_.address(), exchange_->trace());
        BackendQuestion::ask_anonymous(handle_, std::string(exchange_->mechanism_name()));
        return;
    case Kind::success:
        if (host_->table().authentication_proved.empty())
            return finish(step);
        stream_.hold(C2sStream::hold_verdict);
        BackendQuestion::ask_verdict(
            handle_, exchange_->user(), std::string(exchange_->mechanism_name()), std::move(step));
        return;
    case Kind::challenge:
    case Kind::failure:
        return finish(step);
    }
}

void Negotiation::judged(sasl::Step success, const std::optional<Error>& refusal)
{
    if (refusal) {
        stream_.loop().parts().log->info(
            "{} may not log in to {}: {}", exchange_->user(), host_->domain(), refusal->text);
        finish(exchange_->refuse(sasl::failure_of_verdict(refusal->kind)));
    } else {
        finish(success);
    }
    stream_.release(C2sStream::hold_verdict);
}

void Negotiation::finish(const sasl::Step& step)
{
    std::string xml;
    sasl::append_xml(xml, step);
    stream_.write(xml);
    if (step.kind == sasl::Step::Kind::challenge)
        return;
    announce_end(step);
    if (step.kind == sasl::Step::Kind::success)
        return authenticated();
    limit_attempts();
}

void Negotiation::limit_attempts()
{
    // RFC 6120 §6.4.5: a retry or two for the human, not a dictionary. Failures that tried no
    // password are a client on its way through the list of mechanisms.
    // COMPAT(slixmpp 1.8): it begins with the three of -PLUS, by a binding that TLS 1.3 has not.
    const auto limit = stream_.loop().parts().server.settings().limits.auth_attempts;
    if (exchange_->guesses() >= limit || exchange_->failures() >= failures_per_attempt * limit)
        stream_.fail(
            { StreamError::Condition::policy_violation, "too many attempts to authenticate" });
}

void Negotiation::answered(Result<sasl::BackendAnswer> answer)
{
    if (answer) {
        take(exchange_->resume(*std::move(answer)));
    } else {
        const auto failure = sasl::failure_of_backend(answer.error().kind);
        Log& log = *stream_.loop().parts().log;
        constexpr std::string_view line = "authentication of {}: {}";
        if (failure == sasl::Failure::temporary_auth_failure)
            log.warn(line, exchange_->user(), answer.error().text);
        else
            log.info(line, exchange_->user(), answer.error().text);
        take(exchange_->refuse(failure));
    }
    stream_.release(C2sStream::hold_answer);
}

void Negotiation::announce_end(const sasl::Step& end)
{
    const HookChain& chain = host_->table().authentication_ended;
    if (chain.empty())
        return;
    const bool succeeded = end.kind == sasl::Step::Kind::success;
    const auto condition = succeeded ? std::string_view() : sasl::to_string(end.failure);
    const bool was_guess = !succeeded && end.was_guess;
    if (chain.is_paused)
        return host_->hold(host_->domain(),
            [handle = handle_, user = std::string(exchange_->user()),
                mechanism = std::string(exchange_->mechanism_name()), succeeded, condition,
                was_guess, has_begun = exchange_->has_asked()] {
                AuthenticationEnded event { *handle, user, mechanism, succeeded, condition,
                    was_guess, has_begun };
                run_chain(handle->virtual_host().table().authentication_ended, &event);
            });
    AuthenticationEnded event { *handle_, exchange_->user(), exchange_->mechanism_name(), succeeded,
        condition, was_guess, exchange_->has_asked() };
    run_chain(chain, &event);
}

void Negotiation::authenticated()
{
    if (stream_.is_ending())
        return;
    user_ = exchange_->user();
    exchange_.reset();
    // RFC 6120 §6.4.6: both sides forget what they knew and begin anew, at the account's home.
    handle_->detach();
    handle_.reset();
    deadline_.cancel();
    has_header_ = false;
    const Limits& limits = stream_.loop().parts().server.settings().limits;
    stream_.xml().restart();
    stream_.xml().set_limits(limits.xml(true));
    stream_.connection().set_read_rate(limits.read_rate.count);

    const auto jid = Jid::make(user_, host_->domain());
    assert(jid); // the user was prepared, the domain is served
    auto& parts = stream_.loop().parts();
    C2sLoop& home = parts.loop(host_->home(*jid).index());
    if (&home == &stream_.loop())
        return arrived();
    stream_.move_to(home);
}

}
