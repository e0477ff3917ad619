// XEP-0160: messages for somebody who is away wait until he comes.
#include "rules.h"

#include <nuncio/plugin.h>

#include <exception>
#include <vector>

namespace nuncio::offline {

struct Settings {
    std::uint32_t limit = 100;
    Duration expiry = std::chrono::hours(24 * 90);
};

class Offline final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Keeps messages for those who are away")
            .option("limit", &Settings::limit,
                "The most messages kept for one account; further senders hear "
                "service-unavailable.")
            .range(1, 1'000'000)
            .option(
                "expiry", &Settings::expiry, "How long a message is kept; 0s keeps it for ever.")
            .range(0, 1e9);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("offline");
        desk_ = context.account_slot<Desk>("offline");
        served_ = context.session_slot<Served>("offline-served");
        context.feature(Component::local, "msgoffline");
        context.on<MessageUndelivered>(
            Stage::late, [this](MessageUndelivered& event) { return undelivered(event); });
        context.on<PresenceSent>(
            Stage::early, [this](PresenceSent& event) { return presence_sent(event); });
        if (settings_.expiry > Duration::zero())
            context.every(1h, [this] { context_->spawn(expire()); });
        return {};
    }

private:
    /// What is to do for one account, one thing after the other: the count is then always right,
    /// and what was taken in before a hand-over is part of it.
    struct Desk {
        std::vector<Stanza> arrived;
        SessionRef reader; ///< who wants what was kept
        MessageHold hold; ///< from asking until all was handed over: what comes now is younger
        bool hands_over = false;
        bool is_busy = false;
    };
    /// Messages were handed to this session since it last became able to take them.
    struct Served {
        bool is_served = false;

        void save(Snapshot& snapshot) const { snapshot.put("is_served", is_served); }
        void restore(const Snapshot& snapshot) { is_served = snapshot.get("is_served", false); }
    };

    Flow undelivered(MessageUndelivered& event)
    {
        switch (fate_of(event.stanza)) {
        case Fate::bounce:
            return Flow::next;
        case Fate::drop:
            return Flow::done;
        case Fate::keep:
            break;
        }
        Desk& desk = event.account.slot(desk_);
        if (desk.arrived.size() >= settings_.limit)
            return Flow::next;
        stamp(event.stanza, event.account.host().jid(), Loop::current()->wall_time());
        desk.arrived.push_back(std::move(event.stanza));
        get_going(event.account, desk);
        return Flow::done;
    }

    Flow presence_sent(PresenceSent& event)
    {
        if (!event.stanza.to().empty())
            return Flow::next;
        Session& session = event.session;
        if (!takes_messages(session)) {
            if (Served* served = session.find_slot(served_))
                served->is_served = false;
            return Flow::next;
        }
        if (std::exchange(session.slot(served_).is_served, true))
            return Flow::next;
        Desk& desk = session.account().slot(desk_);
        desk.reader = SessionRef(session);
        want_hand_over(session.account(), desk);
        get_going(session.account(), desk);
        return Flow::next;
    }

    static bool takes_messages(Session& session)
    {
        return session.is_available() && session.priority() >= 0;
    }

    static void want_hand_over(Account& account, Desk& desk)
    {
        desk.hands_over = true;
        if (!desk.hold)
            desk.hold = MessageHold(account);
    }

    void get_going(Account& account, Desk& desk)
    {
        if (!std::exchange(desk.is_busy, true))
            context_->spawn(work(AccountRef(account)));
    }

    task<void> work(AccountRef account)
    {
        Desk& desk = account->slot(desk_);
        while (desk.hands_over || !desk.arrived.empty()) {
            try {
                if (!desk.arrived.empty())
                    co_await keep(account, std::exchange(desk.arrived, {}));
                if (std::exchange(desk.hands_over, false))
                    co_await hand_over(account);
            } catch (const std::exception& thrown) {
                context_->log().error("messages for {}: {}", account->jid(), thrown.what());
            }
        }
        // Both keep the account. Whatever became of the hand-over, nobody waits any longer; what
        // finds no session then comes back to undelivered().
        desk.reader = {};
        desk.hold = {};
        desk.is_busy = false;
    }

    task<void> keep(AccountRef account, std::vector<Stanza> messages)
    {
        const std::string owner(account->jid().text());
        const auto exists
            = co_await account->host().accounts().exists(std::string(account->jid().local()));
        const auto count = co_await store_.count(owner);
        if (!exists || !*exists || !count)
            co_return refuse(messages, 0);

        const auto kept = std::uint64_t(*count);
        const auto room = kept < settings_.limit ? settings_.limit - kept : 0;
        const auto accepted = std::min<std::size_t>(room, messages.size());
        std::vector<StorageOp> steps;
        const auto now = Loop::current()->wall_time().time_since_epoch().count();
        for (std::size_t i = 0; i < accepted; ++i)
            steps.push_back({ .kind = StorageOp::Kind::append,
                .owner = owner,
                .value = to_string(messages[i].element()),
                .when = now });
        if (!steps.empty()) {
            const auto stored = co_await store_.batch(std::move(steps));
            if (!stored) {
                context_->log().error(
                    "messages for {} were not kept: {}", account->jid(), stored.error().text);
                co_return refuse(messages, 0);
            }
        }
        refuse(messages, accepted);
        // Somebody may have come while they were written.
        Desk& desk = account->slot(desk_);
        if (accepted > 0 && find_reader(*account, desk.reader.get()))
            want_hand_over(*account, desk);
    }

    /// Senders of messages from the index on hear that nobody took them (RFC 6121 §8.5.2.2.1).
    void refuse(const std::vector<Stanza>& messages, std::size_t from)
    {
        for (; from < messages.size(); ++from)
            context_->host().route(
                messages[from].error_reply({ StanzaError::Condition::service_unavailable }));
    }

    /// A session that takes messages: `preferred`, if it still does.
    static Session* find_reader(Account& account, Session* preferred)
    {
        if (preferred && takes_messages(*preferred))
            return preferred;
        for (Session* session : account.sessions())
            if (takes_messages(*session))
                return session;
        return nullptr;
    }

    task<void> hand_over(AccountRef account)
    {
        constexpr std::uint32_t at_a_time = 100;
        const std::string owner(account->jid().text());
        for (;;) {
            const auto rows = co_await store_.range(owner, {}, at_a_time);
            if (!rows) {
                context_->log().error(
                    "messages for {} are out of reach: {}", account->jid(), rows.error().text);
                // They stay where they are; the session's next presence tries again.
                if (Session* reader = account->slot(desk_).reader.get())
                    reader->slot(served_).is_served = false;
                co_return;
            }
            Session* reader = find_reader(*account, account->slot(desk_).reader.get());
            if (!reader || rows->empty())
                co_return;
            const StorageRow* last = nullptr;
            for (const StorageRow& row : *rows) {
                if (!is_expired(row.when))
                    send(*reader, row.value);
                last = &row;
                if (reader->is_congested())
                    break; // the others stay until the client has taken these
            }
            const Completion<bool> drained = reader->drained();
            // After they were handed over: a crash in between repeats them, but loses none.
            const auto removed = co_await store_.remove_items(owner, last->key);
            if (!removed) {
                context_->log().error(
                    "messages for {} will come again: {}", account->jid(), removed.error().text);
                co_return;
            }
            co_await drained;
        }
    }

    void send(Session& reader, const std::string& text)
    {
        auto element = parse_element(text);
        if (element)
            reader.send(Stanza::parse(std::move(*element)).stanza);
        else
            context_->log().error(
                "a message kept for {} cannot be read: {}", reader.jid(), element.error().text);
    }

    bool is_expired(std::int64_t when) const
    {
        return settings_.expiry > Duration::zero() && when < oldest();
    }

    std::int64_t oldest() const
    {
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.expiry);
        return (Loop::current()->wall_time() - age).time_since_epoch().count();
    }

    task<void> expire()
    {
        const auto done = co_await store_.expire(oldest());
        if (!done)
            context_->log().error("old messages were not removed: {}", done.error().text);
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store store_;
    SlotId<Desk> desk_;
    SlotId<Served> served_;
};

}

NUNCIO_PLUGIN(nuncio::offline::Offline, "offline", "0.1.0", "XEP-0160: Offline messages",
    "requires=storage/1\nafter=presence")
