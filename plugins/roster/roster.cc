// RFC 6121 §2: rosters, with versioning (§2.6).
#include "service.h"

#include <nuncio/plugin.h>
#include <nuncio/script.h>

#include <optional>

namespace nuncio::roster {

constexpr std::string_view ns_versioning = "urn:xmpp:features:rosterver";

class RosterPlugin final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Limits>("Contacts and their groups")
            .option("max_items", &Limits::items, "The most contacts of one account.")
            .range(1, 100'000)
            .option("max_requests", &Limits::requests,
                "The most subscription requests of strangers that wait for an answer.")
            .range(1, 100'000)
            .option("max_groups", &Limits::groups, "The most groups of one contact.")
            .range(1, 1000)
            .option("max_name_bytes", &Limits::name_bytes,
                "The longest name of a contact or group, in bytes.")
            .range(1, 65536);
    }

    Result<void> configure(const Config& config) override
    {
        limits_ = config.as<Limits>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        service_.emplace(context, limits_);
        context.provide<RosterService>(*service_);
        context.on_iq(Component::sm, ns_roster, { .access = Access::owner },
            [this](const Iq& iq) { return answer(iq); });
        context.on<StreamFeatures>([](StreamFeatures& event) {
            if (event.phase == StreamFeatures::Phase::bind)
                event.features.add("ver", ns_versioning);
            return Flow::next;
        });
        context.on<AccountRemoved>(Stage::last, [this](AccountRemoved& event) {
            service_->forget(event.account);
            return Flow::next;
        });
        offer_to_scripts(context, "roster.subscription",
            "How `user` of this host and a contact stand: none, to, from or both.",
            [this](Jid user, Jid contact) {
                return subscription(std::move(user), std::move(contact));
            });
        return {};
    }

private:
    /// For scripts: `user` as the one whose roster it is.
    task<Result<std::string>> subscription(Jid user, Jid contact)
    {
        if (user.local().empty() || user.domain() != context_->host().domain())
            co_return Error { user.text() + " is no account of this host" };
        Completion<Result<std::string>> told;
        context_->host().at_home(user.view().bare(), [this, contact, told](Account& account) {
            context_->spawn(tell_subscription(AccountRef(account), contact, told));
        });
        co_return co_await told;
    }

    task<void> tell_subscription(
        AccountRef account, Jid contact, Completion<Result<std::string>> told)
    {
        const auto roster = co_await service_->get(account);
        if (!roster)
            co_return told.resolve(roster.error());
        const RosterItem* const item = (*roster)->find(contact.view().bare());
        const char* const names[] = { "none", "to", "from", "both" };
        told.resolve(std::string(names[item ? item->to + 2 * item->from : 0]));
    }

    task<IqReply> answer(const Iq& iq)
    {
        if (!iq.payload().is("query", ns_roster))
            co_return StanzaError::Condition::bad_request;
        if (iq.is_get())
            co_return co_await tell(iq);
        co_return co_await change(iq);
    }

    task<IqReply> tell(const Iq& iq)
    {
        const AccountRef account(*iq.account());
        const auto roster = co_await service_->get(account);
        if (!roster)
            co_return unavailable(roster.error());
        // §2.2: from the moment of this answer on it hears of every change.
        if (Session* session = iq.sender())
            service_->set_interested(*session);

        const auto version = std::to_string((*roster)->version);
        // §2.6.3: an empty result says that the client's copy is still right. To one that is not,
        // the whole roster is sent rather than pushes of what changed, which that section permits:
        // those would cost a journal of removals that is kept for ever, or has an end of its own.
        if (iq.payload().has_attr("ver") && iq.payload().attr("ver") == version)
            co_return {};
        Element query("query", ns_roster);
        query.attr("ver", version);
        for (const auto& [address, item] : (*roster)->items)
            if (item.listed)
                append_item(query, item);
        co_return query;
    }

    task<IqReply> change(const Iq& iq)
    {
        auto wanted = read_change(iq.payload(), limits_);
        if (auto* error = std::get_if<StanzaError>(&wanted))
            co_return std::move(*error);
        const Change& change = std::get<Change>(wanted);
        const AccountRef account(*iq.account());
        if (change.removes)
            co_return co_await remove(account, change.jid);
        const std::function<void(RosterItem&)> apply = [&change](RosterItem& item) {
            item.listed = true;
            item.name = change.name;
            item.groups = change.groups;
        };
        const auto done = co_await service_->update(account, change.jid, apply, {});
        co_return done ? IqReply() : unavailable(done.error());
    }

    task<IqReply> remove(AccountRef account, Jid contact)
    {
        std::optional<RosterItem> former;
        const std::function<void(RosterItem&)> apply = [&former](RosterItem& item) {
            if (!item.listed)
                return;
            former = item;
            item = { .jid = item.jid };
        };
        const std::function<void(Account&)> tell_presence = [this, &former](Account& changed) {
            if (!former)
                return;
            RosterItemRemoved event { changed, *former };
            context_->emit(event);
        };
        const auto done = co_await service_->update(account, contact, apply, tell_presence);
        if (!done)
            co_return unavailable(done.error());
        if (!former)
            co_return StanzaError::Condition::item_not_found; // §2.5.3
        co_return {};
    }

    IqReply unavailable(const Error& error) const
    {
        if (error.kind == Error::Kind::limit)
            return StanzaError { StanzaError::Condition::not_acceptable, error.text };
        context_->log().error("a roster is out of reach: {}", error.text);
        return StanzaError { StanzaError::Condition::internal_server_error, {}, {},
            StanzaError::Type::wait };
    }

    Limits limits_;
    Context* context_ = nullptr;
    std::optional<Service> service_;
};

}

NUNCIO_PLUGIN(nuncio::roster::RosterPlugin, "roster", "0.1.0", "RFC 6121: Rosters",
    "provides=roster/1\nrequires=storage/1")
