#include "ping.h"

#include "clock.h"

namespace nuncio::bench {

namespace {

    constexpr std::size_t open_loop_pings = 4096;

}

void Ping::prepare(Fleet& fleet)
{
    const auto head = "<iq type='get' to='" + options_.domain + "' id='" + token_;
    for (auto& session : fleet.sessions()) {
        pingers_.push_back({ .session = session.get(),
            .ping = NumberedStanza(head, "'><ping xmlns='urn:xmpp:ping'/></iq>"),
            .sent_at = SentTimes(is_closed_loop() ? options_.window : open_loop_pings) });
        session->context = &pingers_.back();
    }
}

void Ping::start()
{
    const auto now = now_ns();
    for (auto& pinger : pingers_) {
        for (std::uint32_t i = 0; i < options_.window; ++i)
            send(pinger, now);
    }
}

void Ping::send_turn(std::uint64_t turn, std::uint64_t due)
{
    send(pingers_[turn % pingers_.size()], due);
}

void Ping::send(Pinger& pinger, std::uint64_t due)
{
    if (pinger.sent - pinger.answered >= pinger.sent_at.room())
        throw SetupError("the server is " + std::to_string(pinger.sent_at.room())
            + " pings of one sender behind");
    pinger.sent_at[pinger.sent] = due;
    pinger.session->send(pinger.ping.numbered(pinger.sent));
    ++pinger.sent;
    sent();
}

void Ping::on_stanza(Session& session, std::string_view stanza)
{
    std::uint64_t number = 0;
    if (!has_name(stanza, "iq") || !read_number(attribute(stanza, "id"), token_, number)) {
        answer_request(session, stanza);
        return;
    }
    if (attribute(stanza, "type") != "result") {
        ++report_.faults.stanza_errors;
        return;
    }
    auto& pinger = *static_cast<Pinger*>(session.context);
    if (!pinger.answers.arrived(number, report_.faults))
        return;
    ++pinger.answered;
    delivered(pinger.sent_at[number]);
    if (is_closed_loop() && keeps_sending())
        send(pinger, now_ns());
}

void Ping::finish()
{
    for (auto& pinger : pingers_)
        pinger.answers.finish(pinger.sent, report_.faults);
}

}
