#include "c2s_stream.h"

#include "c2s_loop.h"
#include "c2s_negotiation.h"
#include "c2s_parts.h"
#include "loop.h"
#include "server.h"
#include "stream_header.h"

#include <nuncio/address.h>
#include <nuncio/ns.h>

#include <utility>

namespace nuncio::kernel {

namespace {

    constexpr Duration linger_time = 2s;
    constexpr Duration shutdown_linger_time = 5s;

}

C2sStream::C2sStream(C2sLoop& loop, std::unique_ptr<Connection> connection)
    : loop_(&loop)
    , connection_(std::move(connection))
    , xml_(loop.parts().server.settings().limits.xml(false))
    , last_bytes_(loop.loop().now())
{
    loop_->parts().stream_made();
}

C2sStream::~C2sStream()
{
    if (is_admitted_)
        loop_->parts().leave(network_of(connection_->address()));
    negotiation_.reset();
    connection_->set_user(nullptr);
    loop_->parts().stream_gone();
}

void C2sStream::start(C2sLoop& loop, std::unique_ptr<Connection> connection,
    ListenSettings::Tls tls, Admission admission)
{
    auto* const stream = new C2sStream(loop, std::move(connection)); // owned by the list
    loop.add(*stream);
    stream->connection_->set_user(stream);
    stream->connection_->set_read_rate(
        loop.parts().server.settings().limits.read_rate_before_auth.count);
    stream->negotiation_ = std::make_unique<Negotiation>(*stream, tls);

    using enum StreamError::Condition;
    stream->is_admitted_ = admission == Admission::granted;
    if (loop.is_shutting_down())
        return stream->fail({ system_shutdown });
    if (admission == Admission::too_many)
        return stream->fail({ resource_constraint, "the server has too many connections" });
    if (admission == Admission::too_many_from_address)
        return stream->fail({ policy_violation, "too many connections from this address" });
    stream->negotiation_->begin();
}

void C2sStream::on_bytes(std::string_view bytes)
{
    last_bytes_ = loop_->loop().now();
    was_pinged_ = false;
    loop_->bytes_in.add(bytes.size());
    process(bytes);
}

void C2sStream::process(std::string_view bytes)
{
    is_processing_ = true;
    while (holds_ == 0 && !is_ending_) {
        const auto event = xml_.next(bytes);
        if (event == XmlStream::Event::need_more)
            break;
        if (event == XmlStream::Event::stanza)
            on_element(xml_.take());
        else if (event == XmlStream::Event::header)
            negotiation_->on_header(xml_.take());
        else if (event == XmlStream::Event::end)
            end();
        else
            fail(StreamError::from(xml_.error()));
    }
    is_processing_ = false;
    if (is_ending_)
        return part_from_session();
    // RFC 6120 §5.4.3.3: what came before the handshake must not be taken for what comes after it.
    if (holds_ == 0 || bytes.empty() || (holds_ & hold_tls))
        return;
    if (!carried_)
        carried_ = std::make_unique<std::string>();
    carried_->append(bytes);
}

void C2sStream::on_element(Element element)
{
    if (session_) [[likely]]
        return on_stanza(std::move(element));
    negotiation_->on_element(std::move(element));
    if (session_)
        negotiation_.reset();
}

void C2sStream::on_stanza(Element element)
{
    loop_->stanzas_in.add(1);
    auto parsed = Stanza::parse(std::move(element));
    Stanza& stanza = parsed.stanza;
    if (parsed.unknown_kind || stanza.element().ns() != ns_client)
        return fail({ StreamError::Condition::unsupported_stanza_type });
    if (!lang_.empty() && stanza.lang().empty())
        stanza.set_lang(lang_);
    if (stanza.type() == Stanza::Type::set && !parsed.error && answer_here(stanza))
        return;
    if (auto error = session_->receive(std::move(parsed)))
        fail(std::move(*error));
}

/// What a client may ask of its stream although it is bound.
bool C2sStream::answer_here(const Stanza& stanza)
{
    const ElementRef payload = stanza.payload();
    // RFC 3921 §3 asked for it, and old clients still do.
    if (payload.is("session", ns_session)) {
        send(stanza.reply());
        return true;
    }
    if (payload.is("bind", ns_bind)) {
        send(stanza.error_reply(
            { StanzaError::Condition::not_allowed, "this stream has a resource already" }));
        return true;
    }
    return false;
}

void C2sStream::on_encrypted()
{
    if (is_ending_ || !negotiation_)
        return;
    release(hold_tls);
    negotiation_->on_encrypted();
}

void C2sStream::on_drained()
{
    if (session_)
        session_->stream_drained();
}

void C2sStream::on_closed(std::string_view reason)
{
    if (!reason.empty())
        loop_->parts().log->debug("a connection from {} ended: {}", address(), reason);
    is_closed_ = true;
    is_ending_ = true;
    // In a turn of its own: everything that was posted for this stream comes first.
    loop_->loop().post([this] { retire(); });
}

void C2sStream::send(const Stanza& stanza)
{
    if (is_ending_)
        return;
    std::string& out = connection_->output();
    const auto before = out.size();
    stanza.append_xml(out);
    sent(out.size() - before);
}

void C2sStream::send_to(const Stanza& stanza, JidView to)
{
    if (is_ending_)
        return;
    std::string& out = connection_->output();
    const auto before = out.size();
    stanza.append_xml_to(out, to);
    sent(out.size() - before);
}

void C2sStream::sent(std::size_t bytes)
{
    loop_->stanzas_out.add(1);
    loop_->bytes_out.add(bytes);
    connection_->flush_later();
    if (connection_->backlog() > loop_->parts().server.settings().limits.output_max.count)
        [[unlikely]]
        close({ StreamError::Condition::resource_constraint,
            "too much is waiting to be read by this client" });
}

void C2sStream::write(std::string_view xml)
{
    if (is_ending_)
        return;
    connection_->output().append(xml);
    loop_->bytes_out.add(xml.size());
    connection_->flush_later();
}

void C2sStream::close(StreamError error)
{
    if (is_ending_)
        return;
    fail(std::move(error));
    // The session is on the stack above: it goes later.
    loop_->loop().post([this] { part_from_session(); });
}

void C2sStream::fail(StreamError error)
{
    if (is_ending_)
        return;
    if (negotiation_ && !negotiation_->prepare_error())
        return close_connection(0s); // no XML can be sent during a TLS handshake
    loop_->parts().log->debug(
        "stream error for {}: {} {}", address(), to_string(error.condition), error.text);
    write(error.xml());
    write(stream_end_tag);
    close_connection(error.condition == StreamError::Condition::system_shutdown
            ? shutdown_linger_time
            : linger_time);
}

void C2sStream::end()
{
    if (is_ending_)
        return;
    write(stream_end_tag);
    close_connection(linger_time);
}

void C2sStream::close_connection(Duration linger)
{
    is_ending_ = true;
    carried_.reset();
    connection_->close(linger);
}

void C2sStream::hold(Hold reason)
{
    const bool was_free = holds_ == 0;
    holds_ |= reason;
    if (was_free && reason != hold_tls)
        connection_->pause_reading();
}

void C2sStream::release(Hold reason)
{
    if (!(holds_ & reason))
        return;
    holds_ &= static_cast<std::uint8_t>(~reason);
    if (holds_ != 0 || is_ending_ || reason == hold_tls)
        return;
    if (carried_ && !is_processing_) {
        // Not from here: who releases may be a session in the middle of something.
        loop_->loop().post([this] { go_on(); });
        return;
    }
    connection_->resume_reading();
}

void C2sStream::go_on()
{
    if (holds_ != 0 || is_ending_)
        return;
    if (const auto bytes = std::exchange(carried_, nullptr))
        process(*bytes);
    if (holds_ == 0 && !is_ending_)
        connection_->resume_reading();
}

void C2sStream::move_to(C2sLoop& target)
{
    if (&target == loop_ || is_ending_)
        return;
    hold(hold_move);
    loop_->remove(*this);
    loop_ = &target;
    connection_->flush_later();
    connection_->move_to(target.loop(), [this] {
        loop_->add(*this);
        negotiation_->arrived();
        if (loop_->is_shutting_down())
            return fail({ StreamError::Condition::system_shutdown });
        if (host()->is_leaving())
            return end_with_host();
        release(hold_move);
    });
}

void C2sStream::bound(ClientSession& session)
{
    const Limits& limits = loop_->parts().server.settings().limits;
    session_ = &session;
    connection_->set_marks(limits.output_high.count / 2, limits.output_high.count);
}

void C2sStream::resume_after(Hold reason)
{
    if (session_)
        negotiation_.reset();
    release(reason);
}

void C2sStream::check_silence(TimePoint now, Duration idle_time)
{
    if (is_ending_ || !session_)
        return; // a negotiation has its own limit
    const Duration silence = now - last_bytes_;
    if (silence >= 2 * idle_time) {
        fail({ StreamError::Condition::connection_timeout, "nothing was heard from this client" });
        return part_from_session();
    }
    // RFC 6120 §4.6.4, XEP-0199 §4.1: every client answers a ping, if only with an error, so a live
    // one that has nothing to say is not taken for dead. White space would prove nothing.
    if (silence >= idle_time && !std::exchange(was_pinged_, true)) {
        Stanza ping(Stanza::Kind::iq, Stanza::Type::get);
        ping.set_from(session_->host().jid()).set_to(session_->jid()).set_id("keep-alive");
        ping.element().add("ping", "urn:xmpp:ping");
        send(ping);
    }
}

void C2sStream::shut_down()
{
    fail({ StreamError::Condition::system_shutdown });
    part_from_session();
}

VirtualHost* C2sStream::host() const
{
    if (session_)
        return &session_->virtual_host();
    return negotiation_ ? negotiation_->host() : nullptr;
}

void C2sStream::end_with_host()
{
    fail({ StreamError::Condition::host_gone });
    part_from_session();
    // It keeps the host, and the connection may take its time.
    negotiation_.reset();
}

void C2sStream::part_from_session()
{
    if (ClientSession* session = std::exchange(session_, nullptr))
        session->stream_ended();
}

void C2sStream::retire()
{
    part_from_session();
    loop_->remove(*this);
    delete this;
}

}
