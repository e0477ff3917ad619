// Messages between pairs of sessions, through a server or, unwrapped, through the bare relay.
#pragma once

#include "exchange.h"

#include <deque>

namespace nuncio::bench {

class Chat final : public Exchange {
public:
    using Exchange::Exchange;

    void prepare(Fleet& fleet) override;
    void on_stanza(Session& session, std::string_view stanza) override;

private:
    struct Talker {
        Session* session;
        Talker* partner = nullptr;
        std::string name; // As the partner sees it in `from`.
        NumberedStanza message;
        SentTimes sent_at;
        std::uint64_t sent = 0;
        std::uint64_t arrived = 0; // Of those sent, at the partner.
        SequenceCheck arriving;
    };

    void start() override;
    void send_turn(std::uint64_t turn, std::uint64_t due) override;
    void finish() override;
    void send(Talker& talker, std::uint64_t due);
    Talker make_talker(Session& session, const Session& partner) const;

    std::deque<Talker> talkers_;
};

}
