#include "chat.h"

#include "clock.h"

namespace nuncio::bench {

namespace {

    // How many messages of one sender an open loop lets the server be behind.
    constexpr std::size_t open_loop_room = 4096;

    std::string bare(const std::string& jid)
    {
        return jid.substr(0, jid.find('/'));
    }

}

void Chat::prepare(Fleet& fleet)
{
    auto& sessions = fleet.sessions();
    if (sessions.size() % 2 != 0)
        throw SetupError("pairs need an even number of users");
    for (std::size_t i = 0; i < sessions.size(); ++i)
        talkers_.push_back(make_talker(*sessions[i], *sessions[i ^ 1]));
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        talkers_[i].partner = &talkers_[i ^ 1];
        sessions[i]->context = &talkers_[i];
    }
}

Chat::Talker Chat::make_talker(Session& session, const Session& partner) const
{
    // Through the relay nobody stamps `from`, so it is there from the start.
    const bool is_relay = session.jid().empty();
    const auto name = is_relay ? session.user() + "@" + options_.domain : session.jid();
    const auto to = is_relay ? partner.user() + "@" + options_.domain
        : options_.full_jid  ? partner.jid()
                             : bare(partner.jid());
    const auto head = "<message to='" + to + "'" + (is_relay ? " from='" + name + "'" : "")
        + " type='chat' id='" + token_;
    const std::string before_body = "'><body>";
    const std::string after_body = "</body></message>";
    const auto used = head.size() + NumberedStanza::digits + before_body.size() + after_body.size();
    if (options_.size < used)
        throw SetupError("a message needs at least " + std::to_string(used) + " bytes");
    const std::string body(options_.size - used, 'x');
    return { .session = &session,
        .name = name,
        .message = NumberedStanza(head, before_body + body + after_body),
        .sent_at = SentTimes(is_closed_loop() ? options_.window : open_loop_room) };
}

void Chat::start()
{
    const auto now = now_ns();
    for (auto& talker : talkers_) {
        for (std::uint32_t i = 0; i < options_.window; ++i)
            send(talker, now);
    }
}

void Chat::send_turn(std::uint64_t turn, std::uint64_t due)
{
    send(talkers_[turn % talkers_.size()], due);
}

void Chat::send(Talker& talker, std::uint64_t due)
{
    if (talker.sent - talker.arrived >= talker.sent_at.room())
        throw SetupError("the server is " + std::to_string(talker.sent_at.room())
            + " messages of one sender behind");
    talker.sent_at[talker.sent] = due;
    talker.session->send(talker.message.numbered(talker.sent));
    ++talker.sent;
    sent();
}

void Chat::on_stanza(Session& session, std::string_view stanza)
{
    std::uint64_t number = 0;
    if (!has_name(stanza, "message") || !read_number(attribute(stanza, "id"), token_, number)) {
        answer_request(session, stanza);
        return;
    }
    if (attribute(stanza, "type") == "error") {
        ++report_.faults.stanza_errors;
        return;
    }
    auto& receiver = *static_cast<Talker*>(session.context);
    auto& sender = *receiver.partner;
    if (attribute(stanza, "from") != sender.name) {
        ++report_.faults.wrong_sender;
        return;
    }
    if (!receiver.arriving.arrived(number, report_.faults))
        return;
    ++sender.arrived;
    delivered(sender.sent_at[number]);
    if (is_closed_loop() && keeps_sending())
        send(sender, now_ns());
}

void Chat::finish()
{
    for (auto& talker : talkers_)
        talker.partner->arriving.finish(talker.sent, report_.faults);
}

}
