// XEP-0012: Last Activity.
#include <nuncio/plugin.h>
#include <nuncio/roster.h>
#include <nuncio/value.h>

#include <algorithm>

namespace nuncio::last {

constexpr std::string_view ns_last = "jabber:iq:last";

/// Longer farewells are cut: they are kept for every account.
constexpr std::size_t longest_status = 1023;

class Last final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("last");
        roster_ = context.service<RosterService>();
        words_ = context.session_slot<Words>("last-words");
        context.on_iq(Component::local, ns_last, {}, uptime);
        context.on_iq(Component::sm, ns_last, {}, [this](const Iq& iq) { return answer(iq); });
        context.on<PresenceSent>(Stage::early, [this](PresenceSent& event) {
            if (event.stanza.to().empty() && event.stanza.type() == Stanza::Type::unavailable)
                event.session.slot(words_).status = cut(event.stanza.child("status").text());
            return Flow::next;
        });
        context.on<SessionClosed>([this](SessionClosed& event) { return closed(event); });
        return {};
    }

private:
    using Condition = StanzaError::Condition;

    /// What the client said when it became unavailable.
    struct Words {
        std::string status;

        void save(Snapshot& snapshot) const { snapshot.put("status", status); }
        void restore(const Snapshot& snapshot) { status = snapshot.get("status", ""); }
    };

    static Element reply(std::int64_t seconds, std::string_view status)
    {
        Element query("query", ns_last);
        query.attr("seconds", std::to_string(std::max<std::int64_t>(seconds, 0)));
        if (!status.empty())
            query.text(status);
        return query;
    }

    /// Not in the middle of a character.
    static std::string cut(std::string text)
    {
        if (text.size() <= longest_status)
            return text;
        std::size_t end = longest_status;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
            --end;
        text.resize(end);
        return text;
    }

    static IqReply uptime(const Iq& iq)
    {
        if (iq.is_set())
            return Condition::not_allowed;
        return reply(std::chrono::floor<std::chrono::seconds>(process_uptime()).count(), {});
    }

    task<IqReply> answer(const Iq& iq)
    {
        // §4: only who may see the presence is told. Nobody's account answers like a stranger's.
        if (iq.is_set())
            co_return Condition::not_allowed;
        const AccountRef account(*iq.account());
        const bool sees = co_await may_see_presence(roster_.get(), account, Jid(iq.from()));
        if (!sees)
            co_return Condition::forbidden;

        const auto sessions = account->sessions();
        if (std::ranges::any_of(sessions, &Session::is_available))
            co_return reply(0, {});
        const auto text = co_await store_.get(std::string(account->jid().text()), "logout");
        if (!text) {
            context_->log().error(
                "the last activity of {} is out of reach: {}", account->jid(), text.error().text);
            co_return StanzaError { Condition::internal_server_error, {}, {},
                StanzaError::Type::wait };
        }
        const auto logout
            = *text ? Value::parse_json(**text) : Result<Value>(Error { "never online" });
        const Value* when = logout ? logout->find("when") : nullptr;
        const Value* status = logout ? logout->find("status") : nullptr;
        if (!when)
            co_return Condition::item_not_found;
        const WallTime then { std::chrono::milliseconds(when->as_integer()) };
        const auto past = Loop::current()->wall_time() - then;
        co_return reply(std::chrono::floor<std::chrono::seconds>(past).count(),
            status ? std::string_view(status->as_string()) : std::string_view());
    }

    Flow closed(SessionClosed& event)
    {
        Account& account = event.session.account();
        const bool others_remain = std::ranges::any_of(
            account.sessions(), [&](Session* other) { return other->id() != event.session.id(); });
        if (others_remain)
            return Flow::next;
        const Words* words = event.session.find_slot(words_);
        Value logout;
        logout["when"] = std::int64_t(Loop::current()->wall_time().time_since_epoch().count());
        if (words && !words->status.empty())
            logout["status"] = words->status;
        context_->spawn(note(std::string(account.jid().text()), logout.json()));
        return Flow::next;
    }

    task<void> note(std::string owner, std::string logout)
    {
        // A hundred people who leave together are one transaction.
        const auto done = co_await store_.put_unhurried(owner, "logout", std::move(logout));
        if (!done)
            context_->log().warn("the logout of {} was not noted: {}", owner, done.error().text);
    }

    Context* context_ = nullptr;
    Store store_;
    ServiceRef<RosterService> roster_;
    SlotId<Words> words_;
};

}

NUNCIO_PLUGIN(nuncio::last::Last, "last", "0.1.0", "XEP-0012: Last Activity", "requires=storage/1")
