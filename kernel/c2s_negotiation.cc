#include "c2s_negotiation.h"

#include "c2s_parts.h"
#include "c2s_stream.h"
#include "loop.h"
#include "route_table.h"
#include "sasl/sasl2_login.h"
#include "server.h"
#include "stream_header.h"
#include "virtual_host.h"

#include <nuncio/crypto.h>
#include <nuncio/ns.h>

#include <algorithm>

namespace nuncio::kernel {

Negotiation::Negotiation(C2sStream& stream, ListenSettings::Tls tls)
    : stream_(stream)
    , ends_at_(stream.loop().loop().now()
          + stream.loop().parts().server.settings().limits.negotiation_time)
    , tls_(tls)
    , is_securing_(tls == ListenSettings::Tls::direct && !stream.connection().is_encrypted())
{
}

Negotiation::~Negotiation()
{
    if (handle_)
        handle_->detach();
}

void Negotiation::begin()
{
    arm_deadline();
    if (!is_securing_)
        return;
    stream_.hold(C2sStream::hold_tls);
    const auto& context = stream_.loop().tls();
    if (!context || !stream_.connection().start_tls(context, { .direct = true }))
        stream_.fail({ StreamError::Condition::internal_server_error });
}

void Negotiation::arm_deadline()
{
    auto& loop = stream_.loop().loop();
    const auto left = std::max<Duration>(ends_at_ - loop.now(), 0s);
    deadline_ = loop.after(left, [this] {
        stream_.fail(
            { StreamError::Condition::connection_timeout, "the negotiation took too long" });
    });
}

void Negotiation::on_encrypted()
{
    is_securing_ = false;
    has_header_ = false;
    host_ = {}; // RFC 6120 §5.4.3.3: what was said before the handshake is forgotten
    exchange_.reset();
    sasl2_.reset();
    stream_.xml().restart();
}

void Negotiation::arrived()
{
    arm_deadline();
    if (sasl2_)
        complete_login();
}

bool Negotiation::prepare_error()
{
    if (is_securing_)
        return false;
    if (!has_header_)
        answer_header({});
    return true;
}

void Negotiation::answer_header(const StreamHeader& header)
{
    std::string xml;
    append_stream_header(
        xml, to_hex(random_bytes(16)), host_ ? host_->domain() : std::string_view(), header.from);
    stream_.write(xml);
    has_header_ = true;
}

void Negotiation::on_header(Element element)
{
    using enum StreamError::Condition;
    StreamHeader header = read_stream_header(element, stream_.xml().default_ns());
    VirtualHost* asked_for = nullptr;
    const auto& domains = stream_.loop().parts().server.domains().domains;
    if (const auto found = domains.find(header.to); found != domains.end())
        if (found->second.host && found->second.host->domain() == header.to)
            asked_for = found->second.host;
    const bool is_other = !user_.empty() && asked_for != host_.get();
    host_ = HostRef(asked_for);
    answer_header(header);
    if (header.error)
        return stream_.fail(std::move(*header.error));
    if (!host_ || is_other)
        return stream_.fail({ host_unknown });
    if (host_->is_leaving())
        return stream_.fail({ host_gone });
    // RFC 6120 §4.9.3.9, XEP-0388 §2.1: accounts of one domain do not come in by another.
    if (!header.from.empty() && header.from.substr(header.from.find('@') + 1) != host_->domain())
        return stream_.fail({ invalid_from });
    if (!user_.empty() && !header.from.empty()
        && header.from != user_ + '@' + std::string(host_->domain()))
        return stream_.fail({ invalid_from });
    stream_.set_lang(std::move(header.lang));
    from_ = std::move(header.from);
    abilities_.reset();
    renew_handle();
    if (user_.empty())
        ask_for_owner();
    else
        offer_features();
}

void Negotiation::renew_handle()
{
    if (handle_)
        handle_->detach();
    handle_ = std::make_shared<StreamHandle>(*this, *host_,
        StreamHandle::Facts { std::string(stream_.address()), user_, stream_.is_encrypted() });
}

bool Negotiation::may_authenticate() const
{
    return stream_.is_encrypted() || !host_->settings().require_encryption;
}

void Negotiation::offer_features()
{
    const RouteTable& table = host_->table();
    if (table.stream_features.is_paused || table.bind_features.is_paused)
        return wait([](Negotiation& self) { self.offer_features(); });
    using enum StreamFeatures::Phase;
    // XEP-0170 §2: STARTTLS, then SASL; the rest follows.
    stream_.write(features_xml(!user_.empty() ? bind
            : may_authenticate()              ? authenticate
                                              : encrypt));
}

std::string Negotiation::features_xml(StreamFeatures::Phase phase)
{
    using enum StreamFeatures::Phase;
    Element features("features", ns_streams);
    if (user_.empty()) {
        if (!stream_.is_encrypted() && tls_ == ListenSettings::Tls::starttls
            && stream_.loop().tls()) {
            auto starttls = features.add("starttls", ns_tls);
            if (phase == encrypt)
                starttls.add("required");
        }
        prepare_exchange();
        exchange_->offer().add_to(features, exchange_->bindings());
        add_sasl2(features);
    } else if (phase == bind) {
        features.add("bind", ns_bind);
        features.add("session", ns_session).add("optional");
    }
    if (const HookChain& chain = host_->table().stream_features; !chain.empty()) {
        StreamFeatures event { *handle_, phase, features };
        run_chain(chain, &event);
    }
    // The prefix is the one that every client knows, whatever it makes of namespaces.
    std::string xml = "<stream:features>";
    for (const ElementRef feature : features)
        append_xml(xml, feature, ns_client);
    return xml += "</stream:features>";
}

void Negotiation::on_element(Element element)
{
    using enum StreamError::Condition;
    if (user_.empty() && element.ns() == ns_sasl2)
        return on_sasl2(std::move(element));
    // XEP-0388 §2.4: any other traffic ends the stream.
    if (sasl2_)
        return stream_.fail({ policy_violation, "an authentication with SASL2 is under way" });
    if (element.is("starttls", ns_tls))
        return start_tls();
    if (element.ns() == ns_sasl && user_.empty())
        return authenticate(element);
    auto parsed = Stanza::parse(std::move(element));
    if (parsed.unknown_kind || parsed.stanza.element().ns() != ns_client)
        return stream_.fail({ unsupported_stanza_type });
    on_stanza(std::move(parsed));
}

void Negotiation::start_tls()
{
    const auto& context = stream_.loop().tls();
    if (stream_.is_encrypted() || !context || tls_ != ListenSettings::Tls::starttls
        || !user_.empty()) {
        // RFC 6120 §5.4.2.2: after <failure/> the stream ends.
        stream_.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        return stream_.end();
    }
    stream_.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    is_securing_ = true;
    handle_->detach(); // a plugin's late answer must not come before the next header
    stream_.hold(C2sStream::hold_tls);
    if (!stream_.connection().start_tls(context, { .domain = std::string(host_->domain()) }))
        stream_.fail({ StreamError::Condition::internal_server_error });
}

}
