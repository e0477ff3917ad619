// XEP-0386: what happens between the proof of SASL2 and its <success/>, at the account's home.
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "c2s_stream.h"
#include "detached.h"
#include "first_objection.h"
#include "route_table.h"
#include "sasl/hashed_token.h"
#include "sasl/sasl2_login.h"
#include "server.h"
#include "session.h"
#include "token_door.h"
#include "virtual_host.h"

#include <nuncio/date.h>
#include <nuncio/ns.h>

namespace nuncio::kernel {

/// Fetches what `<success/>` shall carry. The stream may be gone when it is there.
struct Completing {
    /// The token that the client wants or, because its own is due, shall have.
    static task<std::optional<IssuedToken>> issue(
        std::shared_ptr<StreamHandle> handle, LoginClient client, NewLoginToken wanted)
    {
        const std::string user = client.user;
        auto token = co_await TokenDoor(handle->virtual_host())
                         .issue(std::move(client), std::move(wanted));
        if (token)
            co_return *std::move(token);
        // Without one the client comes in all the same, and by its password the next time.
        if (handle->negotiation())
            handle->negotiation()->stream().loop().parts().log->warn(
                "no token for {}: {}", user, token.error().text);
        co_return std::optional<IssuedToken>();
    }

    static task<std::vector<Element>> ask_plugins(
        std::shared_ptr<StreamHandle> handle, AccountRef account, MessageHold& hold)
    {
        VirtualHost& host = handle->virtual_host();
        const std::string bare(account->jid().text());
        while (host.must_wait(host.table().resource_binding, bare)) {
            const Completion<bool> released;
            host.hold(bare, [released] { released.resolve(true); });
            co_await released;
        }
        std::vector<Element> elements;
        const HookChain& chain = host.table().resource_binding;
        if (!handle->negotiation() || chain.empty())
            co_return elements;
        hold = MessageHold(*account);
        std::vector<Completion<std::optional<Element>>> answers;
        ResourceBinding event { *account, handle->negotiation()->sasl2_->bind, answers };
        run_chain(chain, &event);
        if (answers.empty())
            hold = {};
        const TimePoint deadline
            = Loop::current()->now() + host.server().settings().limits.answer_time;
        for (const auto& answer : answers) {
            auto element = co_await within(answer, deadline - Loop::current()->now());
            // Who logs in did nothing wrong, and comes in without it.
            if (!element)
                host.server().log().warn("a login of {}: {}", bare, answers_too_late);
            else if (*element)
                elements.push_back(**std::move(element));
        }
        co_return elements;
    }

    static Detached run(std::shared_ptr<StreamHandle> handle, AccountRef account,
        LoginClient client, NewLoginToken wanted, bool binds)
    {
        std::optional<IssuedToken> token;
        std::vector<Element> answers;
        MessageHold hold; // until the session is there
        try {
            if (!wanted.mechanism.empty())
                token = co_await issue(handle, std::move(client), std::move(wanted));
            if (binds)
                answers = co_await ask_plugins(handle, std::move(account), hold);
        } catch (const std::exception& thrown) {
            handle->virtual_host().server().log().error("a login: {}", thrown.what());
        }
        if (handle->negotiation())
            handle->negotiation()->finish_login(std::move(token), std::move(answers));
    }
};

void Negotiation::complete_login()
{
    renew_handle();
    const sasl::Sasl2Login& login = *sasl2_;
    NewLoginToken wanted { .replaces = login.token_id };
    // Who has no name (XEP-0175) is somebody else the next time.
    const bool comes_again = login.request.attr("mechanism") != "ANONYMOUS";
    if (comes_again && TokenDoor(*host_).is_open()
        && sasl::find_token_mechanism(login.wanted_token))
        wanted.mechanism = login.wanted_token;
    // XEP-0484 §3.5, §3.6: due for rotation, unless the client wants no token any more.
    if (wanted.mechanism.empty() && login.token_is_due && !login.token_use.invalidates)
        wanted.mechanism = login.request.attr("mechanism");
    if (!login.password_mark)
        wanted.mechanism.clear();
    wanted.password_mark = login.password_mark.value_or(std::string());
    const auto jid = Jid::make(user_, host_->domain());
    Completing::run(
        handle_, host_->account(*jid), login.client_of(user_), std::move(wanted), bool(login.bind));
}

void Negotiation::finish_login(std::optional<IssuedToken> token, std::vector<Element> answers)
{
    if (stream_.is_ending())
        return;
    const RouteTable& table = host_->table();
    const auto account = Jid::make(user_, host_->domain());
    if (table.is_pausing
        && (table.stream_features.is_paused || table.session_opened.is_paused
            || table.session_closed.is_paused || table.presence_sent.is_paused
            || table.resource_bound.is_paused || host_->holds(account->text())))
        return wait(
            [token = std::move(token), answers = std::move(answers)](Negotiation& self) mutable {
                self.finish_login(std::move(token), std::move(answers));
            });

    std::string token_xml;
    if (token) {
        Element element("token", sasl::ns_fast);
        element.attr("expiry", utc_text(token->expires_at)).attr("token", token->secret);
        token_xml = to_string(element);
    }
    if (sasl2_->bind)
        bind_inline(std::move(answers), token_xml);
    else
        write_success(account->text(), token_xml, StreamFeatures::Phase::bind);
    sasl2_.reset();
    // In a turn of its own: this object goes with the negotiation, and its functions are on the
    // stack.
    stream_.loop().loop().post([&stream = stream_] { stream.resume_after(C2sStream::hold_login); });
}

void Negotiation::write_success(
    std::string_view identity, std::string_view content, StreamFeatures::Phase phase)
{
    std::string xml = "<success xmlns='" + std::string(ns_sasl2) + "'>";
    if (!sasl2_->data.empty())
        xml += "<additional-data>" + to_base64(sasl2_->data) + "</additional-data>";
    xml += "<authorization-identifier>";
    append_escaped(xml, identity);
    xml.append("</authorization-identifier>").append(content).append("</success>");
    stream_.write(xml);
    stream_.write(features_xml(phase));
}

void Negotiation::bind_inline(std::vector<Element> answers, std::string_view token)
{
    using Phase = StreamFeatures::Phase;
    const std::string resource = inline_resource();
    end_former_sessions(resource);
    Element bound("bound", ns_bind2);
    for (const Element& answer : answers)
        bound.append(answer);
    const auto enabled = [&](ClientSession& session) {
        ResourceBound event { session, sasl2_->bind, bound };
        run_chain(host_->table().resource_bound, &event);
        // Whoever hears of the session from now on may send to it.
        write_success(
            session.jid().text(), to_string(bound, ns_sasl2) + std::string(token), Phase::session);
    };
    auto session = SessionManager(*host_).open(user_, resource, stream_, enabled);
    if (session) {
        stream_.loop().parts().log->info("bound {} from {}", (*session)->jid(), stream_.address());
        return stream_.bound(**session);
    }
    // XEP-0386 does not say what then. It did authenticate, so it may bind as RFC 6120 has it, or
    // hear from that why it cannot.
    const bool is_full = session.error().kind == Error::Kind::limit;
    Element failed("failed", ns_bind2);
    failed.add(is_full ? "resource-constraint" : "bad-request", ns_stanza_errors);
    failed.add("text", ns_stanza_errors).text(session.error().text);
    const auto account = Jid::make(user_, host_->domain());
    write_success(account->text(), to_string(failed, ns_sasl2) + std::string(token), Phase::bind);
}

/// §3.2.1: the tag, and behind it what the server makes. The latter is the same for every bind of
/// the same client, and does not give away the client's id.
std::string Negotiation::inline_resource() const
{
    const sasl::Sasl2Login& login = *sasl2_;
    std::string made;
    if (login.client.id.empty()) {
        made = host_->random_id();
    } else {
        std::string name("bind2");
        name.append(1, '\0').append(host_->domain());
        name.append(1, '\0').append(user_).append(1, '\0').append(login.client.id);
        made = to_hex(hmac(Hash::sha256, stream_.loop().parts().secret, name));
    }
    made.resize(sasl::inline_resource_bytes);
    return login.tag.empty() ? made : login.tag + '/' + made;
}

/// §3.2: earlier sessions of the same client, whatever its tag was.
void Negotiation::end_former_sessions(std::string_view resource)
{
    if (sasl2_->client.id.empty())
        return;
    const auto made = resource.substr(resource.size() - sasl::inline_resource_bytes);
    const AccountRef account = host_->account(*Jid::make(user_, host_->domain()));
    const std::vector<Session*> sessions(account->sessions().begin(), account->sessions().end());
    for (Session* session : sessions) {
        const auto theirs = session->jid().resource();
        const bool is_same_client = theirs == made || theirs.ends_with('/' + std::string(made));
        // An equal one goes by the rule of RFC 6120 §7.7.2.2.
        if (is_same_client && theirs != resource)
            session->close({ StreamError::Condition::conflict, "replaced by a new connection" });
    }
}

}
