// Presence to subscribers: each session's number in `status` must reach every subscriber before
// the next one is sent. Accounts form a ring: number r is subscribed to the `subscribers` after it.
#pragma once

#include "exchange.h"

#include <deque>

namespace nuncio::bench {

class Presence final : public Exchange {
public:
    using Exchange::Exchange;

    void prepare(Fleet& fleet) override;
    void on_stanza(Session& session, std::string_view stanza) override;

    // How many subscriptions prepare() had to make, and what they cost.
    std::uint64_t subscriptions_made() const { return subscriptions_made_; }

private:
    struct Member {
        std::uint32_t place = 0; // In the ring.
        Session* session;
        NumberedStanza presence;
        std::vector<bool> subscribed; // To the k-th after this one.
        std::uint32_t subscribing = 0; // The k under way.
        std::vector<SequenceCheck> arriving;
        std::uint64_t sent = 0;
        std::uint64_t sent_at = 0;
        std::uint32_t to_arrive = 0;
    };

    void start() override;
    void send_turn(std::uint64_t turn, std::uint64_t due) override;
    void finish() override;

    void send(Member& member, std::uint64_t due);
    void on_broadcast(Member& receiver, Member& sender, std::string_view stanza);
    void read_roster(Member& member, std::string_view stanza);
    void became_subscribed(Member& member, const Member& to);
    void subscribe_next(Member& member);
    Member* member_named(std::string_view jid);
    std::uint32_t distance(const Member& from, const Member& to) const;
    std::string address(const Member& member) const;

    std::deque<Member> members_;
    std::size_t not_subscribed_ = 0; // Members that still have somebody to subscribe to.
    std::uint64_t subscriptions_made_ = 0;
    bool is_subscribing_ = false;
};

}
