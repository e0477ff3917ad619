// RFC 6120 §7: resource binding, and what else a client may say before it.
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "c2s_stream.h"
#include "route_table.h"
#include "server.h"
#include "session.h"
#include "virtual_host.h"

#include <nuncio/ns.h>

namespace nuncio::kernel {

void Negotiation::on_stanza(Stanza::Parsed parsed)
{
    const StreamError refusal { StreamError::Condition::not_authorized };
    Stanza& stanza = parsed.stanza;
    if (!stanza.is_iq() || (user_.empty() && !may_authenticate()))
        return stream_.fail(refusal);
    if (!user_.empty() && stanza.payload().is("bind", ns_bind) && stanza.is_request()) {
        if (parsed.error || stanza.type() != Stanza::Type::set)
            return stream_.send(stanza.error_reply(
                parsed.error.value_or(StanzaError { StanzaError::Condition::bad_request })));
        return bind(stanza);
    }
    const HookChain& chain = host_->table().unbound_iq;
    if (parsed.error || chain.empty())
        return stream_.fail(refusal);
    if (chain.is_paused)
        return wait([held = std::move(parsed)](
                        Negotiation& self) mutable { self.on_stanza(std::move(held)); });
    UnboundIq event { handle_, stanza };
    if (run_chain(chain, &event) == Flow::next)
        stream_.fail(refusal);
}

/// Goes on with `job` once the plugins that it concerns have handed over; nothing is read
/// meanwhile.
void Negotiation::wait(Function<void(Negotiation&)> job)
{
    stream_.hold(C2sStream::hold_handover);
    // Behind what waits for the account already, of which there is one once it is authenticated.
    const auto jid = Jid::make(user_, host_->domain());
    host_->hold(jid ? std::string_view(jid->text()) : host_->domain(),
        [handle = handle_, job = std::move(job)] {
            Negotiation* const self = handle->negotiation();
            if (!self)
                return;
            C2sStream& stream = self->stream();
            job(*self);
            stream.resume_after(C2sStream::hold_handover);
        });
}

void Negotiation::bind(const Stanza& request)
{
    using enum StanzaError::Condition;
    const auto refuse
        = [&](StanzaError error) { stream_.send(request.error_reply(std::move(error))); };
    const ElementRef wish = request.payload().child("resource");
    std::string resource = wish.text();
    const auto longest = stream_.loop().parts().server.settings().limits.resource_bytes;
    if (resource.size() > longest)
        return refuse({ bad_request, "the resource is too long" });
    // RFC 6120 §7.6: without a wish the server makes one up.
    if (resource.empty())
        resource = host_->random_id();
    const auto jid = Jid::make(user_, host_->domain(), resource);
    if (!jid)
        return refuse({ bad_request, jid.error().text });

    const RouteTable& table = host_->table();
    if (table.is_pausing
        && (table.session_opened.is_paused || table.session_closed.is_paused
            || table.presence_sent.is_paused || host_->holds(jid->view().bare_text())))
        return wait([held = Stanza(request)](Negotiation& self) { self.bind(held); });

    // The answer goes first: whoever hears of the new session may send to it at once. It is taken
    // back when there is no session after all.
    std::string& out = stream_.connection().output();
    const auto before = out.size();
    Stanza answer = request.reply();
    answer.element().add("bind", ns_bind).add("jid").text(jid->text());
    stream_.send(answer);
    auto session = SessionManager(*host_).open(user_, jid->resource(), stream_);
    if (!session) {
        out.resize(before);
        const bool is_full = session.error().kind == Error::Kind::limit;
        return refuse({ is_full ? resource_constraint : bad_request, session.error().text });
    }
    stream_.loop().parts().log->info("bound {} from {}", *jid, stream_.address());
    stream_.bound(**session);
}

}
