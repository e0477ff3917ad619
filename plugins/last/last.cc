// XEP-0012: Last Activity, of the server, of users who are online, and of those who are not.
#include <nuncio/plugin.h>
#include <nuncio/roster.h>

#include <algorithm>

namespace nuncio::last {

constexpr std::string_view ns_last = "jabber:iq:last";

Element query(std::int64_t seconds, std::string_view status = {})
{
    Element query("query", ns_last);
    query.attr("seconds", std::to_string(std::max<std::int64_t>(seconds, 0)));
    if (!status.empty())
        query.text(status);
    return query;
}

std::int64_t milliseconds(WallTime time)
{
    return time.time_since_epoch().count();
}

class Last final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("last");
        roster_ = context.service<RosterService>();
        parting_ = context.session_slot<std::string>("last.parting-words");
        const WallTime started
            = std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
        context.on_iq(Component::local, ns_last, {}, [started](const Iq& iq) -> IqReply {
            if (iq.is_set())
                return StanzaError::Condition::not_allowed;
            return query(
                (milliseconds(Loop::current()->wall_time()) - milliseconds(started)) / 1000);
        });
        context.on_iq(Component::sm, ns_last, {}, [this](const Iq& iq) { return of_account(iq); });
        context.on<PresenceSent>(Stage::early, [this](PresenceSent& event) {
            note_parting_words(event);
            return Flow::next;
        });
        context.on<SessionClosed>([this](SessionClosed& event) {
            note_departure(event.session);
            return Flow::next;
        });
        return {};
    }

private:
    task<IqReply> of_account(const Iq& iq)
    {
        if (iq.is_set())
            co_return StanzaError::Condition::not_allowed;
        const JidView asker = iq.from().bare();
        if (asker != iq.to().bare()) {
            // §8.2: only those who may see the user's presence. Whether the account exists stays
            // unsaid.
            auto roster = roster_ ? co_await roster_->get(AccountRef(*iq.account()))
                                  : Result<const Roster*>(Error {});
            const RosterItem* item = roster ? (*roster)->find(asker) : nullptr;
            if (!item || !item->from)
                co_return StanzaError::Condition::forbidden;
        }
        // §4: somebody who is available was active just now.
        if (std::ranges::any_of(iq.account()->sessions(), &Session::is_available))
            co_return query(0);
        auto record = co_await store_.get(std::string(iq.to().bare_text()), "left");
        if (!record)
            co_return StanzaError::Condition::internal_server_error;
        if (!*record)
            co_return StanzaError::Condition::service_unavailable;
        auto left = Value::parse_json(**record);
        if (!left || !left->find("when"))
            co_return StanzaError::Condition::internal_server_error;
        const auto now = milliseconds(Loop::current()->wall_time());
        const Value* status = left->find("status");
        co_return query((now - left->find("when")->as_integer()) / 1000,
            status ? std::string_view(status->as_string()) : std::string_view());
    }

    void note_parting_words(const PresenceSent& event)
    {
        if (event.stanza.type() != Stanza::Type::unavailable || !event.stanza.to().empty())
            return;
        constexpr std::size_t longest = 1024;
        std::string status = event.stanza.child("status").text();
        if (!status.empty() && status.size() <= longest)
            event.session.slot(parting_) = std::move(status);
    }

    void note_departure(Session& session)
    {
        const auto sessions = session.account().sessions();
        if (std::ranges::any_of(sessions, [&](const Session* other) { return other != &session; }))
            return;
        Value left(Value::Table {});
        left["when"] = milliseconds(Loop::current()->wall_time());
        if (const std::string* status = session.find_slot(parting_))
            left["status"] = *status;
        context_->spawn(remember(std::string(session.jid().bare_text()), left.json()));
    }

    task<void> remember(std::string owner, std::string record)
    {
        const auto stored = co_await store_.put(owner, "left", std::move(record));
        if (!stored)
            context_->log().warn(
                "last activity of {} was not stored: {}", owner, stored.error().text);
    }

    Context* context_ = nullptr;
    Store store_;
    ServiceRef<RosterService> roster_;
    SlotId<std::string> parting_;
};

}

NUNCIO_PLUGIN(nuncio::last::Last, "last", "0.1.0", "XEP-0012: Last Activity",
    "requires=storage/1\nafter=roster/1")
