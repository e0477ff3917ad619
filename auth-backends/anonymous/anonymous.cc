// RFC 4505, XEP-0175: users without a name, for as long as they are here.
#include "guests.h"

#include <nuncio/crypto.h>
#include <nuncio/plugin.h>

#include <optional>
#include <utility>

namespace nuncio::anonymous {

using namespace std::chrono_literals;

constexpr std::string_view mechanism = "ANONYMOUS";
constexpr Duration sweep_interval = 5s;
/// What plugins still write about a session that has ended is written by then.
constexpr Duration time_for_last_words = 1s;

struct Settings {
    std::uint32_t max_users = 1000;
    std::uint32_t max_users_per_address = 10;
    bool remote = false;
    Duration unbound_time = 5min;
};

/// RFC 9562 §5.4. XEP-0175 §2 recommends it for names: nobody can guess who else is here.
std::string random_uuid()
{
    std::string bytes = random_bytes(16);
    bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
    std::string text = to_hex(bytes);
    for (const std::size_t at : { 8, 13, 18, 23 })
        text.insert(at, 1, '-');
    return text;
}

/// On the sessions and accounts of guests, so that everybody else costs nothing. A reload keeps it.
struct Mark {
    void save(Snapshot&) const { }
    void restore(const Snapshot&) { }
};

class Anonymous final : public Plugin, public AuthBackend {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Users without a name, of whom nothing stays behind")
            .option("max_users", &Settings::max_users, "How many may be here at a time.")
            .range(1, 1'000'000)
            .option("max_users_per_address", &Settings::max_users_per_address,
                "How many of them may come from one address (IPv6: one /64).")
            .range(1, 1'000'000)
            .option("remote", &Settings::remote,
                "They may talk to other hosts, and be talked to from there. Else only to this host "
                "and the domains below it.")
            .option("unbound_time", &Settings::unbound_time,
                "How long a name waits for its user to bind a resource; longer than "
                "limits.negotiation_time.")
            .range(1, 86400);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        guests_.emplace(Guests::Limits { settings_.max_users, settings_.max_users_per_address });
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("anonymous");
        suffix_ = "." + std::string(context.host().domain());
        of_session_ = context.session_slot<Mark>("anonymous");
        of_account_ = context.account_slot<Mark>("anonymous");
        context.on<AuthenticationProved>([this](AuthenticationProved& e) { return arrive(e); });
        context.on<SessionOpened>([this](SessionOpened& event) { return open(event.session); });
        context.on<SessionClosed>([this](SessionClosed& event) { return close(event.session); });
        context.on<AccountDescribed>([this](AccountDescribed& event) { return describe(event); });
        if (!settings_.remote) {
            context.on<StanzaReceived>(
                Stage::early, [this](StanzaReceived& event) { return keep_in(event); });
            context.on<StanzaDelivering>(
                Stage::early, [this](StanzaDelivering& event) { return keep_out(event); });
        }
        context.every(sweep_interval, [this] { sweep(); });
        context.provide<AuthBackend>(*this);
        return {};
    }

    void save(Snapshot& snapshot) const override { guests_->save(snapshot); }
    Result<void> restore(const Snapshot& snapshot) override
    {
        guests_->restore(snapshot);
        return {};
    }

    AuthAbilities abilities() const override
    {
        return { .check_password = false, .remove = true, .anonymous = true };
    }

    task<Result<bool>> exists(std::string user) override { co_return guests_->has(user); }
    task<Result<bool>> check_password(std::string, std::string) override { co_return false; }

    task<Result<std::string>> make_anonymous() override
    {
        const std::string user = random_uuid();
        if (!guests_->add(user, Loop::current()->now()))
            co_return Error { "as many anonymous users are here as may be (max_users)",
                Error::Kind::limit };
        // Written down first: what they leave behind is found even when the server crashes.
        const auto noted = co_await store_.put({}, user, {});
        if (!noted) {
            guests_->remove(user);
            co_return noted.error();
        }
        co_return user;
    }

    /// The note about the guest stays until the data is gone, too.
    task<Result<void>> remove(std::string user) override
    {
        guests_->set_leaving(user, true);
        co_return Result<void>();
    }

private:
    using Condition = StanzaError::Condition;

    Flow arrive(AuthenticationProved& event)
    {
        if (event.mechanism != mechanism || !guests_->has(event.user)
            || guests_->settle(event.user, event.stream.address()))
            return Flow::next;
        context_->spawn(dismiss(std::string(event.user)));
        const Completion<std::optional<Error>> refusal;
        refusal.resolve(Error { "as many anonymous users have come from "
                + std::string(event.stream.address()) + " as may (max_users_per_address)",
            Error::Kind::limit });
        event.waits.push_back(refusal);
        return Flow::next;
    }

    Flow open(Session& session)
    {
        if (guests_->open(session.jid().local()))
            mark(session);
        return Flow::next;
    }

    void mark(Session& session)
    {
        session.slot(of_session_);
        session.account().slot(of_account_);
    }

    Flow close(Session& session)
    {
        if (!session.find_slot(of_session_))
            return Flow::next;
        for (const Session* other : session.account().sessions())
            if (other != &session)
                return Flow::next;
        const std::string user(session.jid().local());
        guests_->close(user, Loop::current()->now()); // the sweep does the rest
        return Flow::next;
    }

    /// XEP-0175 §3.
    Flow describe(AccountDescribed& event)
    {
        if (event.account.find_slot(of_account_))
            for (DiscoIdentity& identity : event.directory.identities)
                if (identity.category == "account")
                    identity.type = "anonymous";
        return Flow::next;
    }

    // ---- What is left of them ----

    /// All that stores hold of the guest goes the way of every account that is removed.
    task<void> forget(std::string user)
    {
        guests_->set_leaving(user, false);
        const auto removed = co_await context_->host().accounts().remove(user);
        if (!removed) {
            context_->log().warn(
                "what {} left behind stays for now: {}", user, removed.error().text);
            guests_->close(user, Loop::current()->now());
            co_return;
        }
        co_await dismiss(std::move(user));
    }

    task<void> dismiss(std::string user)
    {
        const auto struck = co_await store_.remove({}, user);
        if (struck)
            co_return guests_->remove(user);
        context_->log().warn("{} stays in the list: {}", user, struck.error().text);
        guests_->close(user, Loop::current()->now());
    }

    void sweep()
    {
        const auto now = Loop::current()->now();
        for (std::string& user :
            guests_->take_due(now, time_for_last_words, settings_.unbound_time))
            context_->spawn(forget(std::move(user)));
        if (!std::exchange(has_swept_, true))
            context_->spawn(sweep_leftovers());
    }

    /// Those who were here when the server or this plugin ended.
    task<void> sweep_leftovers()
    {
        const auto rows = co_await store_.list({});
        if (!rows) {
            context_->log().warn("who was here before: {}", rows.error().text);
            has_swept_ = false;
            co_return;
        }
        for (const StorageRow& row : *rows) {
            const auto jid = Jid::make(row.key, context_->host().domain());
            if (!jid || !guests_->adopt(row.key, Loop::current()->now()))
                continue;
            const Completion<bool> told;
            context_->host().at_home(*jid, [this, told](Account& account) {
                for (Session* session : account.sessions()) {
                    guests_->open(session->jid().local());
                    mark(*session);
                }
                told.resolve(true);
            });
            co_await told;
        }
    }

    // ---- Whom they meet ----

    bool is_near(std::string_view domain) const
    {
        return domain == context_->host().domain() || domain.ends_with(suffix_);
    }

    Flow keep_in(StanzaReceived& event)
    {
        if (!event.session.find_slot(of_session_))
            return Flow::next;
        const Stanza& stanza = event.stanza;
        if (stanza.to().empty() || is_near(stanza.to().domain()))
            return Flow::next;
        if (may_be_answered(stanza))
            event.session.send(stanza.error_reply(
                { Condition::not_allowed, "anonymous users stay on this host" }));
        return Flow::done;
    }

    Flow keep_out(StanzaDelivering& event)
    {
        if (!event.account.find_slot(of_account_))
            return Flow::next;
        const Stanza& stanza = event.stanza;
        if (is_near(stanza.from().domain()))
            return Flow::next;
        if (may_be_answered(stanza) && stanza.kind() != Stanza::Kind::presence)
            context_->host().route(stanza.error_reply({ Condition::service_unavailable }));
        return Flow::done;
    }

    static bool may_be_answered(const Stanza& stanza)
    {
        return stanza.type() != Stanza::Type::error && stanza.type() != Stanza::Type::result;
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store store_;
    std::string suffix_;
    SlotId<Mark> of_session_;
    SlotId<Mark> of_account_;
    std::optional<Guests> guests_;
    bool has_swept_ = false; // the host's home loop
};

}

NUNCIO_PLUGIN(nuncio::anonymous::Anonymous, "anonymous", "0.1.0",
    "XEP-0175: users without a name, for as long as they are here",
    "provides=auth/1\nrequires=storage/1")
