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

#include <cassert>

namespace nuncio::kernel {

namespace {

    constexpr std::uint32_t failures_per_attempt = 4;

}

/// One question to the backends. The stream may be gone when they answer.
struct BackendQuestion {
    /// Asks the plugins whether the attempt may be made at all: the reason why not, or nothing.
    static task<std::optional<std::string>> refusal(
        std::shared_ptr<StreamHandle> handle, std::string user, std::string mechanism)
    {
        std::vector<Completion<std::optional<std::string>>> waits;
        VirtualHost& host = handle->virtual_host();
        Duration delay {};
        while (host.table().authentication_beginning.is_paused) {
            const Completion<bool> released;
            host.hold(host.domain(), [released] { released.resolve(true); });
            co_await released;
        }
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
            if (keys)
                answer = sasl::BackendAnswer { .keys = *std::move(keys) };
            else
                answer = keys.error();
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
};

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
            .has_channel_binding = bindings.any() });
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
    std::string xml;
    sasl::append_xml(xml, step);
    stream_.write(xml);
    switch (step.kind) {
    case Kind::challenge:
        return;
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
    case Kind::success:
        announce_end(true);
        return authenticated();
    case Kind::failure:
        announce_end(false);
        return limit_attempts();
    }
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
    if (!answer)
        stream_.loop().parts().log->warn(
            "authentication of {}: {}", exchange_->user(), answer.error().text);
    take(answer ? exchange_->resume(*std::move(answer)) : exchange_->give_up());
    stream_.release(C2sStream::hold_answer);
}

void Negotiation::announce_end(bool succeeded)
{
    const HookChain& chain = host_->table().authentication_ended;
    if (chain.empty())
        return;
    if (chain.is_paused)
        return host_->hold(host_->domain(),
            [host = host_, handle = handle_, user = std::string(exchange_->user()),
                mechanism = std::string(exchange_->mechanism_name()), succeeded] {
                AuthenticationEnded event { *handle, user, mechanism, succeeded };
                run_chain(host->table().authentication_ended, &event);
            });
    AuthenticationEnded event { *handle_, exchange_->user(), exchange_->mechanism_name(),
        succeeded };
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
