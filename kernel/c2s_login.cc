// RFC 6120 §6: SASL on a client's stream: the exchange, the backend it asks, and what success does.
#include "auth_chain.h"
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "c2s_questions.h"
#include "c2s_stream.h"
#include "loop.h"
#include "route_table.h"
#include "sasl/hashed_token.h"
#include "sasl/sasl2_login.h"
#include "server.h"
#include "token_door.h"
#include "virtual_host.h"

#include <algorithm>
#include <cassert>

namespace nuncio::kernel {

namespace {

    constexpr std::uint32_t failures_per_attempt = 4;

}

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
        return find_abilities();
    if (!certificate_->is_trusted)
        stream_.loop().parts().log->info("the certificate of {} ({}) is not trusted: {}",
            stream_.address(), certificate_->subject, certificate_->problem);
    stream_.hold(C2sStream::hold_answer);
    LoginQuestion::ask_owner(handle_, *certificate_);
}

void Negotiation::owner_found(bool is_known)
{
    knows_owner_ = is_known;
    find_abilities();
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
        offer = sasl::Offer({ .abilities = abilities_ ? *abilities_ : host_->auth().abilities(),
            .allowed = settings.mechanisms,
            .is_encrypted = connection.is_encrypted(),
            .plain_without_tls = settings.allow_plain_without_tls,
            .has_channel_binding = bindings.any(),
            .has_certificate = knows_owner_ });
    exchange_ = std::make_unique<sasl::Exchange>(sasl::Exchange::Surroundings {
        std::string(host_->domain()), offer, std::move(bindings), stream_.loop().parts().decoys,
        connection.is_encrypted(), TokenDoor(*host_).is_open() });
}

/// XEP-0388 §2.1: only what can be offered to the account that the stream says it is from. Of use
/// where accounts came from another server with keys of one hash only: their clients would take the
/// strongest mechanism on offer, and fail. RFC 6120 §6.3.3 leaves the choice to the server, too.
void Negotiation::find_abilities()
{
    if (from_.empty() || !stream_.is_encrypted() || !host_->auth().abilities().scram_varies)
        return offer_features();
    stream_.hold(C2sStream::hold_offer);
    const auto from = Jid::parse(from_);
    LoginQuestion::ask_abilities(handle_, from ? std::string(from->local()) : std::string());
}

void Negotiation::abilities_known(const AuthAbilities& abilities)
{
    abilities_ = abilities;
    offer_features();
    stream_.release(C2sStream::hold_offer);
}

void Negotiation::authenticate(ElementRef element)
{
    take(exchange_->handle(element));
}

void Negotiation::ask(Function<task<LoginQuestion::Answer>(VirtualHost&)> question)
{
    stream_.hold(C2sStream::hold_answer);
    LoginQuestion::ask(
        handle_, exchange_->user(), std::string(exchange_->mechanism_name()), std::move(question));
}

TokenWish Negotiation::token_wish() const
{
    const bool is_wanted
        = sasl2_ && sasl::find_token_mechanism(sasl2_->wanted_token) && TokenDoor(*host_).is_open();
    return is_wanted ? TokenWish::yes : TokenWish::no;
}

void Negotiation::take(sasl::Step step)
{
    using Kind = sasl::Step::Kind;
    switch (step.kind) {
    case Kind::ask_keys:
        return ask([user = exchange_->user(), hash = exchange_->hash(), wish = token_wish()](
                       VirtualHost& host) { return LoginQuestion::keys(host, user, hash, wish); });
    case Kind::ask_tokens:
        return ask([client = sasl2_->client_of(exchange_->user()),
                       mechanism = std::string(exchange_->mechanism_name())](VirtualHost& host) {
            return LoginQuestion::tokens(host, client, mechanism);
        });
    case Kind::ask_password:
        return ask([user = exchange_->user(), password = exchange_->take_password(),
                       wish = token_wish()](VirtualHost& host) mutable {
            return LoginQuestion::password(host, user, std::move(password), wish);
        });
    case Kind::ask_certificate:
        return ask([certificate = certificate_.value_or(ClientCertificate())](
                       VirtualHost& host) { return LoginQuestion::users(host, certificate); });
    case Kind::ask_anonymous:
        stream_.loop().parts().log->debug(
            "somebody without a name from {} says: {}", stream_.address(), exchange_->trace());
        return ask([](VirtualHost& host) { return LoginQuestion::anonymous(host); });
    case Kind::success:
        if (host_->table().authentication_proved.empty())
            return finish(step);
        stream_.hold(C2sStream::hold_verdict);
        LoginQuestion::ask_verdict(
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
    const bool succeeded = step.kind == sasl::Step::Kind::success;
    if (succeeded && sasl2_)
        return go_on_sasl2(step.data);
    std::string xml;
    sasl::append_xml(xml, step, exchange_->form());
    stream_.write(xml);
    if (step.kind == sasl::Step::Kind::challenge)
        return;
    announce_end(step);
    if (succeeded)
        return authenticated();
    sasl2_.reset();
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

void Negotiation::log_failure(
    std::string_view of_what, sasl::Failure failure, const std::string& text)
{
    Log& log = *stream_.loop().parts().log;
    constexpr std::string_view line = "{} of {}: {}";
    if (failure == sasl::Failure::temporary_auth_failure)
        log.warn(line, of_what, exchange_->user(), text);
    else
        log.info(line, of_what, exchange_->user(), text);
}

void Negotiation::answered(Result<sasl::BackendAnswer> answer)
{
    if (answer) {
        if (sasl2_) {
            sasl2_->password_mark = std::move(answer->password_mark);
            sasl2_->mark_failed = answer->mark_failed;
        }
        take(exchange_->resume(*std::move(answer)));
    } else {
        const auto failure = sasl::failure_of_backend(answer.error().kind);
        log_failure("authentication", failure, answer.error().text);
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
    // At the account's home they go on. RFC 6120 §6.4.6: both sides forget what they knew and begin
    // anew; not so with SASL2, whose stream goes on.
    handle_->detach();
    handle_.reset();
    deadline_.cancel();
    const Limits& limits = stream_.loop().parts().server.settings().limits;
    if (!sasl2_) {
        has_header_ = false;
        stream_.xml().restart();
    }
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
