// XEP-0388: SASL on a client's stream in its second form, up to the proof and the tasks after it.
#include "auth_chain.h"
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "c2s_questions.h"
#include "c2s_stream.h"
#include "detached.h"
#include "route_table.h"
#include "sasl/hashed_token.h"
#include "sasl/sasl2_login.h"
#include "server.h"
#include "token_door.h"
#include "virtual_host.h"

#include <nuncio/ns.h>
#include <nuncio/scram.h>

#include <algorithm>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t salt_bytes = 16;

    using sasl::Sasl2Findings;
    using sasl::Sasl2Login;

}

/// What is asked once the proof is there. The stream may be gone when the answer comes.
struct Sasl2Question {
    struct About {
        LoginClient client;
        std::string token_id; ///< proved; empty: it was no token
        LoginTokenUse use;
        std::vector<ScramHash> upgrades; ///< wanted
        bool asks_mark = false; ///< for a token that is wanted
    };

    static task<Result<Sasl2Findings>> use_token(VirtualHost& host, About about)
    {
        // Whoever keeps tokens does not know who may come in.
        auto mark = co_await host.auth().password_mark(about.client.user);
        if (!mark) {
            // Only the account's state says that the token is no good.
            const auto kind = mark.error().kind;
            const bool is_verdict = kind == Error::Kind::disabled || kind == Error::Kind::expired;
            co_return Error { mark.error().text, is_verdict ? kind : Error::Kind::unavailable };
        }
        if (!*mark)
            co_return Error { "there is no account " + about.client.user, Error::Kind::refused };
        Sasl2Findings findings { .password_mark = *std::move(mark) };
        about.use.password_mark = *findings.password_mark;
        const auto is_due = co_await TokenDoor(host).use(
            std::move(about.client), std::move(about.token_id), std::move(about.use));
        if (!is_due)
            co_return is_due.error();
        findings.token_is_due = *is_due;
        co_return findings;
    }

    /// Of whoever had no password that could be changed while the proof was on its way: who came
    /// by a certificate, or was seen for the first time.
    static task<std::optional<std::string>> mark_of(VirtualHost& host, std::string user)
    {
        auto mark = co_await host.auth().password_mark(user);
        if (mark)
            co_return *std::move(mark);
        host.server().log().warn("no token for {}: {}", user, mark.error().text);
        co_return std::optional<std::string>();
    }

    /// Those of `wanted` that would bring the account something.
    static task<std::vector<ScramHash>> useful(
        VirtualHost& host, std::string user, std::vector<ScramHash> wanted)
    {
        std::vector<ScramHash> lacking;
        const AuthAbilities abilities = host.auth().abilities();
        if (!abilities.set_scram_keys)
            co_return lacking;
        for (const ScramHash hash : wanted) {
            if (!sasl::has_hash(abilities, hash))
                continue;
            const auto keys = co_await host.auth().scram_keys(user, hash);
            if (keys && (!*keys || (*keys)->iterations < abilities.scram_iterations))
                lacking.push_back(hash);
        }
        co_return lacking;
    }

    static Detached settle(std::shared_ptr<StreamHandle> handle, About about)
    {
        Result<Sasl2Findings> findings = Sasl2Findings();
        try {
            VirtualHost& host = handle->virtual_host();
            if (about.asks_mark)
                findings->password_mark = co_await mark_of(host, about.client.user);
            // Who comes with a token need not have the password that new keys are made of.
            if (!about.token_id.empty())
                findings = co_await use_token(host, std::move(about));
            else if (!about.upgrades.empty())
                findings->upgrades = co_await useful(
                    host, std::move(about.client.user), std::move(about.upgrades));
        } catch (const std::exception& thrown) {
            findings = Error { thrown.what(), Error::Kind::internal };
        }
        if (handle->negotiation())
            handle->negotiation()->settled(std::move(findings));
    }

    static Detached keep(
        std::shared_ptr<StreamHandle> handle, std::string user, ScramHash hash, ScramKeys keys)
    {
        Result<void> kept;
        try {
            kept = co_await handle->virtual_host().auth().set_scram_keys(
                user, hash, std::move(keys));
        } catch (const std::exception& thrown) {
            kept = Error { thrown.what(), Error::Kind::internal };
        }
        Negotiation* const negotiation = handle->negotiation();
        if (!negotiation)
            co_return;
        // Nothing that the client needs today has failed: it comes in, and may try again later.
        Log& log = *negotiation->stream().loop().parts().log;
        if (kept)
            log.info("{} of {} has keys for {}", user, handle->virtual_host().domain(),
                sasl::upgrade_name(hash).substr(5));
        else
            log.warn("the new keys of {} were not kept: {}", user, kept.error().text);
        negotiation->task_done();
    }
};

void Negotiation::add_sasl2(Element& features)
{
    // XEP-0388: after TLS only, and only with a mechanism.
    if (exchange_->offer().empty() || !stream_.is_encrypted())
        return;
    auto authentication = features.add("authentication", ns_sasl2);
    for (const sasl::MechanismInfo& mechanism : sasl::mechanisms())
        if (exchange_->offer().has(mechanism))
            authentication.add("mechanism").text(mechanism.name);

    auto inline_features = authentication.add("inline");
    auto bind = inline_features.add("bind", ns_bind2);
    std::vector<std::string> session_features;
    if (const HookChain& chain = host_->table().bind_features; !chain.empty()) {
        BindFeatures event { *handle_, session_features };
        run_chain(chain, &event);
    }
    if (!session_features.empty()) {
        auto list = bind.add("inline");
        for (const std::string& feature : session_features)
            list.add("feature").attr("var", feature);
    }
    if (TokenDoor(*host_).is_open()) {
        auto fast = inline_features.add("fast", sasl::ns_fast);
        for (const sasl::MechanismInfo& mechanism : sasl::token_mechanisms())
            if (sasl::is_available(mechanism, exchange_->bindings()))
                fast.add("mechanism").text(mechanism.name);
    }

    const AuthAbilities abilities = host_->auth().abilities();
    for (const ScramHash hash : sasl::upgradable)
        if (abilities.set_scram_keys && sasl::has_hash(abilities, hash))
            authentication.add("upgrade", sasl::ns_sasl_upgrade).text(sasl::upgrade_name(hash));
}

void Negotiation::on_sasl2(Element element)
{
    using enum StreamError::Condition;
    const bool begins = element.name() == "authenticate";
    // §2.4 and the profile, "multiple authentication": nothing else while one is under way, and no
    // second one.
    if (begins ? bool(sasl2_) || exchange_->is_running() : !sasl2_ && exchange_->is_running())
        return stream_.fail({ policy_violation, "an authentication is under way" });
    if (sasl2_ && sasl2_->task != Sasl2Login::Task::none)
        return on_task(element);
    if (!begins)
        return take(exchange_->handle(element));

    sasl2_ = std::make_unique<Sasl2Login>(std::move(element));
    const ElementRef request = sasl2_->request;
    const std::string_view problem = sasl2_->problem(
        { host_->domain(), stream_.loop().parts().server.settings().limits.resource_bytes,
            exchange_->bindings(), TokenDoor(*host_).is_open() });
    if (!problem.empty())
        return take(exchange_->decline(request, sasl::Failure::malformed_request, problem));
    take(exchange_->handle(request));
}

/// The client has proved who it is, and nobody objects.
void Negotiation::go_on_sasl2(std::string data)
{
    const std::string account = exchange_->user() + '@' + std::string(host_->domain());
    if (!from_.empty() && from_ != account)
        return finish(
            exchange_->refuse(sasl::Failure::invalid_authzid, "the stream is from somebody else"));
    sasl2_->data = std::move(data);
    stream_.hold(C2sStream::hold_login);
    sasl2_->token_id = exchange_->token_id();
    const bool asks_mark = token_wish() == TokenWish::yes && sasl2_->token_id.empty()
        && !sasl2_->password_mark && !sasl2_->mark_failed;
    Sasl2Question::settle(handle_,
        { sasl2_->client_of(exchange_->user()), sasl2_->token_id, sasl2_->token_use,
            std::move(sasl2_->upgrades), asks_mark });
}

void Negotiation::settled(Result<Sasl2Findings> findings)
{
    if (!findings) {
        const auto failure = sasl::failure_of_verdict(findings.error().kind);
        log_failure("a token", failure, findings.error().text);
        finish(exchange_->refuse(failure));
        return stream_.release(C2sStream::hold_login);
    }
    sasl2_->token_is_due = findings->token_is_due;
    if (findings->password_mark)
        sasl2_->password_mark = std::move(findings->password_mark);
    sasl2_->upgrades = std::move(findings->upgrades);
    next_task();
}

void Negotiation::next_task()
{
    if (sasl2_->upgrades.empty()) {
        announce_end(sasl::Step::success());
        return authenticated();
    }
    std::string xml = "<continue xmlns='" + std::string(ns_sasl2) + "'>";
    if (const std::string data = std::exchange(sasl2_->data, {}); !data.empty())
        xml += "<additional-data>" + to_base64(data) + "</additional-data>";
    xml.append("<tasks><task>").append(sasl::upgrade_name(sasl2_->upgrades.front()));
    stream_.write(xml += "</task></tasks></continue>");
    sasl2_->task = Sasl2Login::Task::offered;
    stream_.release(C2sStream::hold_login);
}

/// XEP-0480 §3: the client is told a salt, and answers with the SaltedPassword.
void Negotiation::on_task(ElementRef element)
{
    using Task = Sasl2Login::Task;
    using sasl::Failure;
    const auto fail = [this](Failure failure, std::string_view text = {}) {
        finish(exchange_->refuse(failure, text));
    };
    const ScramHash hash = sasl2_->upgrades.front();
    if (element.name() == "abort")
        return fail(Failure::aborted);
    if (sasl2_->task == Task::offered) {
        if (element.name() != "next" || element.attr("task") != sasl::upgrade_name(hash))
            return fail(Failure::malformed_request, "expected the task that was asked for");
        sasl2_->keys = { .salt = random_bytes(salt_bytes),
            .iterations
            = std::max(host_->auth().abilities().scram_iterations, scram_min_iterations) };
        Element answer("task-data", ns_sasl2);
        answer.add("salt", sasl::ns_scram_upgrade)
            .attr("iterations", std::to_string(sasl2_->keys.iterations))
            .text(to_base64(sasl2_->keys.salt));
        sasl2_->task = Task::salted;
        return stream_.write(to_string(answer));
    }
    if (element.name() != "task-data")
        return fail(Failure::malformed_request, "expected the data of the task");
    const auto salted = from_base64(element.child("hash", sasl::ns_scram_upgrade).text());
    if (!salted || salted->size() != digest_size(hash))
        return fail(Failure::malformed_request, "expected a salted password in Base64");
    auto keys = scram_keys_of_salted(
        *salted, std::move(sasl2_->keys.salt), sasl2_->keys.iterations, hash);
    stream_.hold(C2sStream::hold_login);
    Sasl2Question::keep(handle_, exchange_->user(), hash, std::move(keys));
}

void Negotiation::task_done()
{
    sasl2_->upgrades.erase(sasl2_->upgrades.begin());
    sasl2_->task = Sasl2Login::Task::none;
    next_task();
}

}
