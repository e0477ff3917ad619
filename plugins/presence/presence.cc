// RFC 6121 §3 and §4: subscriptions and presence.
#include "broadcast.h"
#include "subscription.h"

#include <nuncio/plugin.h>
#include <nuncio/script.h>

#include <algorithm>
#include <exception>
#include <list>

namespace nuncio::presence {

constexpr std::string_view ns_preapproval = "urn:xmpp:features:pre-approval";

struct Settings {
    std::uint32_t max_directed = 1000;
    std::uint32_t max_waiting = 1000;
};

class Presence final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Tells contacts who is there")
            .option("max_directed", &Settings::max_directed,
                "The most addresses one session may send directed presence to at a time.")
            .range(1, 1'000'000)
            .option("max_waiting", &Settings::max_waiting,
                "The most presence stanzas of one account that may wait for its roster.")
            .range(1, 1'000'000);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        roster_ = context.service<RosterService>();
        line_ = context.account_slot<Line>("presence-line");
        directed_ = context.session_slot<Directed>("presence-directed");
        context.on<PresenceSent>([this](PresenceSent& event) { return sent(event); });
        context.on<PresenceArrived>([this](PresenceArrived& event) { return arrived(event); });
        context.on<SessionClosed>([this](SessionClosed& event) { return closed(event); });
        offer_to_scripts(context, "presence.is_online",
            "Is the account of this host available, or with a full address: this resource?",
            [this](Jid jid) { return is_online(std::move(jid)); });
        context.on<RosterItemRemoved>([](RosterItemRemoved& event) {
            part(event.account, event.former);
            return Flow::next;
        });
        context.on<AccountRemoving>([this](AccountRemoving& event) {
            Completion<bool> done;
            event.waits.push_back(done);
            context_->spawn(say_farewell(AccountRef(event.account), done));
            return Flow::next;
        });
        context.on<StreamFeatures>([](StreamFeatures& event) {
            if (event.phase == StreamFeatures::Phase::bind)
                event.features.add("sub", ns_preapproval);
            return Flow::next;
        });
        return {};
    }

private:
    /// For scripts.
    task<bool> is_online(Jid jid)
    {
        if (jid.local().empty() || jid.domain() != context_->host().domain())
            co_return false;
        Completion<bool> told;
        context_->host().at_home(jid.view().bare(), [jid, told](Account& account) {
            bool is_available = false;
            for (Session* session : account.sessions())
                is_available = is_available
                    || (session->is_available() && (jid.is_bare() || session->jid() == jid.view()));
            told.resolve(is_available);
        });
        co_return co_await told;
    }

    using Job = Function<task<void>(AccountRef)>;

    /// What waits for an account's roster, or for a change of it to be stored. One after the other,
    /// so that whatever one entity is told keeps its order.
    struct Line {
        std::list<Job> jobs; // holds nothing while it is empty: every idle account has one
        bool is_moving = false;
    };

    // ---- From the account's own clients ----

    Flow sent(PresenceSent& event)
    {
        Stanza& stanza = event.stanza;
        if (stanza.to().empty()) {
            if (stanza.type() == Stanza::Type::none)
                became_available(event);
            else if (stanza.type() == Stanza::Type::unavailable)
                became_unavailable(event);
            return Flow::next; // the other types mean nothing without an address
        }
        if (is_subscription(stanza.type())) {
            request(event.session, stanza);
            return Flow::done;
        }
        // §4.6.3: who was told directly will be told of the end, too.
        Directed& directed = event.session.slot(directed_);
        if (stanza.type() == Stanza::Type::unavailable)
            directed.remove(stanza.to());
        if (stanza.type() != Stanza::Type::none
            || directed.add(stanza.to(), settings_.max_directed))
            return Flow::next;
        event.session.send(stanza.error_reply({ StanzaError::Condition::resource_constraint,
            "directed presence was sent to too many addresses" }));
        return Flow::done;
    }

    void became_available(PresenceSent& event)
    {
        Account& account = event.session.account();
        if (const Roster* roster = roster_at_hand(account))
            return broadcast(event.session, event.stanza, *roster, !event.was_available);
        run_later(account,
            [this, session = SessionRef(event.session), stanza = Stanza(event.stanza),
                is_initial = !event.was_available](AccountRef self) mutable {
                return broadcast_later(
                    std::move(self), std::move(session), std::move(stanza), is_initial);
            });
    }

    task<void> broadcast_later(AccountRef account, SessionRef from, Stanza stanza, bool is_initial)
    {
        const auto roster = co_await load(account);
        if (Session* session = from.get(); session && roster)
            broadcast(*session, stanza, *roster, is_initial);
    }

    void broadcast(Session& session, const Stanza& stanza, const Roster& roster, bool is_initial)
    {
        Host& host = session.host();
        if (auto to = subscribers(roster); !to.empty())
            host.fan_out(stanza, std::move(to));
        if (is_initial) {
            // §4.3.1. From the full address, so that the user's other resources, which know, are
            // not told again.
            if (auto to = subscriptions(roster); !to.empty())
                host.fan_out(presence(session.jid(), Stanza::Type::probe), std::move(to));
            greet(session, roster);
        }
        // §4.2.2: the user's own resources, this one included, are subscribed to each other.
        for (Session* each : session.account().sessions())
            if (each->is_available())
                each->send_to(stanza, each->jid());
    }

    void became_unavailable(PresenceSent& event)
    {
        Account& account = event.session.account();
        if (!event.was_available)
            return end_directed(event.session, event.stanza);
        auto directed = event.session.slot(directed_).take();
        if (const Roster* roster = roster_at_hand(account))
            return withdraw(
                account, event.session.id(), event.stanza, *roster, std::move(directed));
        run_later(account,
            [this, id = event.session.id(), stanza = Stanza(event.stanza),
                directed = std::move(directed)](AccountRef self) mutable {
                return withdraw_later(std::move(self), id, std::move(stanza), std::move(directed));
            });
    }

    task<void> withdraw_later(
        AccountRef account, std::uint64_t id, Stanza stanza, std::vector<Jid> directed)
    {
        if (const Roster* roster = co_await load(account))
            withdraw(*account, id, stanza, *roster, std::move(directed));
    }

    /// §4.5.2, §4.6.3.
    void withdraw(Account& account, std::uint64_t id, const Stanza& stanza, const Roster& roster,
        std::vector<Jid> directed)
    {
        if (auto to = with_subscribers(roster, account.jid(), std::move(directed)); !to.empty())
            account.host().fan_out(stanza, std::move(to));
        for (Session* each : account.sessions())
            if (each->is_available() || each->id() == id)
                each->send_to(stanza, each->jid());
    }

    /// A session without initial presence may have sent directed presence all the same.
    Flow closed(SessionClosed& event)
    {
        end_directed(event.session, presence(event.session.jid(), Stanza::Type::unavailable));
        return Flow::next;
    }

    void end_directed(Session& session, const Stanza& stanza)
    {
        Directed* directed = session.find_slot(directed_);
        if (!directed)
            return;
        if (auto to = directed->take(); !to.empty())
            session.host().fan_out(stanza, std::move(to));
    }

    /// A subscription stanza of a client (§3).
    void request(Session& session, const Stanza& stanza)
    {
        // §3.1.2: subscriptions are between bare addresses, whatever the client wrote.
        Stanza request = stanza;
        request.set_to(Jid(stanza.to().bare())).set_from(Jid(session.jid().bare()));
        if (request.to() == request.from())
            return; // everybody is subscribed to himself
        run_later(session.account(),
            [this, from = SessionRef(session), stanza = std::move(request)](
                AccountRef) mutable { return send_request(std::move(from), std::move(stanza)); });
    }

    task<void> send_request(SessionRef from, Stanza stanza)
    {
        const AccountRef account(from.account());
        const Jid contact(stanza.to());
        Effects effects;
        const std::function<void(RosterItem&)> change
            = [&](RosterItem& item) { effects = leave(item, stanza.type()); };
        const std::function<void(Account&)> committed = [&](Account& self) {
            if (effects.revokes)
                send_unavailability(self, contact); // §3.2.2: while it still may be heard
            if (effects.passes)
                self.host().route(stanza);
            if (effects.grants)
                send_availability(self, contact);
        };
        const auto done = co_await roster_->update(account, contact, change, committed);
        if (done)
            co_return;
        context_->log().warn(
            "{}: a subscription was not changed: {}", account->jid(), done.error().text);
        if (Session* session = from.get()) {
            const Stanza refusal = stanza.error_reply(
                { StanzaError::Condition::resource_constraint, "try again later" });
            session->send_to(refusal, session->jid());
        }
    }

    // ---- To the account ----

    Flow arrived(PresenceArrived& event)
    {
        Stanza& stanza = event.stanza;
        if (stanza.type() == Stanza::Type::probe) {
            probed(event.account, Jid(stanza.from()));
            return Flow::done;
        }
        if (!is_subscription(stanza.type()))
            return Flow::next;
        Stanza request = std::move(stanza);
        const Jid from(request.from().bare()), to(request.to().bare());
        request.set_from(from).set_to(to);
        run_later(event.account, [this, stanza = std::move(request)](AccountRef self) mutable {
            return take_request(std::move(self), std::move(stanza));
        });
        return Flow::done;
    }

    task<void> take_request(AccountRef account, Stanza stanza)
    {
        // §3.1.3 rule 1: a request to nobody leaves no trace.
        if (stanza.type() == Stanza::Type::subscribe && account->sessions().empty()) {
            const auto exists
                = co_await account->host().accounts().exists(std::string(account->jid().local()));
            if (!exists || !*exists)
                co_return;
        }
        const Jid contact(stanza.from());
        Effects effects;
        const std::function<void(RosterItem&)> change
            = [&](RosterItem& item) { effects = arrive(item, stanza); };
        const std::function<void(Account&)> committed
            = [&](Account& self) { answer_request(self, stanza, effects); };
        const auto done = co_await roster_->update(account, contact, change, committed);
        if (!done)
            context_->log().warn(
                "{}: a subscription was not changed: {}", account->jid(), done.error().text);
    }

    void answer_request(Account& account, const Stanza& stanza, const Effects& effects)
    {
        const Jid contact(stanza.from());
        // §3.1.3 rule 3 asks for resources that are available and interested; the other three types
        // go to the interested ones.
        const bool needs_available = stanza.type() == Stanza::Type::subscribe;
        if (effects.passes)
            for (Session* session : account.sessions())
                if (roster_->is_interested(*session)
                    && (session->is_available() || !needs_available))
                    session->send(stanza);
        if (effects.answers) {
            Stanza answer = presence(account.jid(), Stanza::Type::subscribed);
            answer.set_to(contact);
            account.host().route(std::move(answer));
        }
        if (effects.grants)
            send_availability(account, contact);
        if (effects.revokes)
            send_unavailability(account, contact); // §3.3.3 rule 3
    }

    /// §4.3.2. Accounts of this host cannot be out of step with each other, so they hear nothing
    /// from who is away or a stranger, which costs nothing and tells nothing.
    void probed(Account& account, Jid prober)
    {
        const bool is_local = prober.domain() == account.host().domain();
        const auto sessions = account.sessions();
        const bool is_away = std::ranges::none_of(sessions, &Session::is_available);
        if (is_away && is_local)
            return;
        if (const Roster* roster = roster_at_hand(account))
            return answer_probe(account, prober, *roster);
        run_later(account, [this, prober = std::move(prober)](AccountRef self) mutable {
            return answer_probe_later(std::move(self), std::move(prober));
        });
    }

    task<void> answer_probe_later(AccountRef account, Jid prober)
    {
        if (const Roster* roster = co_await load(account))
            answer_probe(*account, prober, *roster);
    }

    void answer_probe(Account& account, const Jid& prober, const Roster& roster)
    {
        const bool is_local = prober.domain() == account.host().domain();
        const bool may_see = roster.is_subscribed(prober) || prober.view().bare() == account.jid();
        const bool is_away = std::ranges::none_of(account.sessions(), &Session::is_available);
        if (may_see && !is_away)
            return send_availability(account, prober);
        if (is_local)
            return;
        Stanza answer = presence(
            account.jid(), may_see ? Stanza::Type::unavailable : Stanza::Type::unsubscribed);
        answer.set_to(may_see ? prober.view() : prober.view().bare());
        account.host().route(std::move(answer));
    }

    /// The contacts of an account that goes hear it, as if each had been removed (§2.5.2).
    task<void> say_farewell(AccountRef account, Completion<bool> done)
    {
        try {
            if (const Roster* roster = co_await load(account))
                for (const auto& [address, item] : roster->items)
                    part(*account, item);
        } catch (const std::exception& thrown) {
            context_->log().error("{} goes without a word: {}", account->jid(), thrown.what());
        }
        done.resolve(true);
    }

    // ---- Order ----

    /// The roster when it is in memory and nothing waits before.
    const Roster* roster_at_hand(Account& account)
    {
        const Line* line = account.find_slot(line_);
        return line && line->is_moving ? nullptr : roster_->find(account);
    }

    task<const Roster*> load(AccountRef account)
    {
        const auto roster = co_await roster_->get(account);
        if (roster)
            co_return *roster;
        context_->log().error(
            "the roster of {} is out of reach: {}", account->jid(), roster.error().text);
        co_return nullptr;
    }

    void run_later(Account& account, Job job)
    {
        Line& line = account.slot(line_);
        if (line.jobs.size() >= settings_.max_waiting) {
            context_->log().warn("{}: too much presence waits for the roster", account.jid());
            return;
        }
        line.jobs.push_back(std::move(job));
        if (!std::exchange(line.is_moving, true))
            context_->spawn(move(AccountRef(account)));
    }

    task<void> move(AccountRef account)
    {
        Line& line = account->slot(line_);
        while (!line.jobs.empty()) {
            const Job job = std::move(line.jobs.front());
            line.jobs.pop_front();
            try {
                co_await job(account);
            } catch (const std::exception& thrown) {
                context_->log().error("presence of {}: {}", account->jid(), thrown.what());
            }
        }
        line.is_moving = false;
    }

    Settings settings_;
    Context* context_ = nullptr;
    ServiceRef<RosterService> roster_;
    SlotId<Line> line_;
    SlotId<Directed> directed_;
};

}

NUNCIO_PLUGIN(nuncio::presence::Presence, "presence", "0.1.0",
    "RFC 6121: Presence and subscriptions", "requires=roster/1")
