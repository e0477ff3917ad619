// XEP-0199: pings to the server, each answered before the next of its window.
#pragma once

#include "exchange.h"

#include <deque>

namespace nuncio::bench {

class Ping final : public Exchange {
public:
    using Exchange::Exchange;

    void prepare(Fleet& fleet) override;
    void on_stanza(Session& session, std::string_view stanza) override;

private:
    struct Pinger {
        Session* session;
        NumberedStanza ping;
        SentTimes sent_at;
        std::uint64_t sent = 0;
        std::uint64_t answered = 0;
        SequenceCheck answers;
    };

    void start() override;
    void send_turn(std::uint64_t turn, std::uint64_t due) override;
    void finish() override;
    void send(Pinger& pinger, std::uint64_t due);

    std::deque<Pinger> pingers_;
};

}
