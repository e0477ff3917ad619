// XEP-0054: vcard-temp, with the photo's hash in presence (XEP-0153, XEP-0398 for the server's
// part).
#include "photo.h"

#include <nuncio/plugin.h>

#include <exception>

namespace nuncio::vcard {

struct Settings {
    Bytes max_size { 128 * 1024 };
    std::string server_name = "nuncio";
    std::string server_url {};
};

class Vcard final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Cards with names, addresses and photos")
            .option("max_size", &Settings::max_size, "The largest card that is kept.")
            .range(1024, 16e6)
            .option("server_name", &Settings::server_name, "The name on the server's own card.")
            .option("server_url", &Settings::server_url, "The address on the server's own card.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("vcard");
        photo_ = context.account_slot<Photo>("vcard-photo");
        context.on_iq(
            Component::local, ns_vcard, {}, [this](const Iq& iq) { return server_card(iq); });
        context.on_iq(Component::sm, ns_vcard, {}, [this](const Iq& iq) { return answer(iq); });
        // Before the presence plugin tells others.
        context.on<PresenceSent>(
            Stage::early, [this](PresenceSent& event) { return presence_sent(event); });
        context.on<AccountRemoved>([this](AccountRemoved& event) {
            event.account.slot(photo_) = { {}, Photo::State::known };
            return Flow::next;
        });
        return {};
    }

private:
    using Condition = StanzaError::Condition;

    /// What presence says of an account's photo. While it is `known` an empty hash means none.
    struct Photo {
        std::string hash {};
        enum class State { unknown, loading, known } state = State::unknown;
    };

    IqReply server_card(const Iq& iq) const
    {
        if (iq.is_set())
            return Condition::not_allowed;
        Element card("vCard", ns_vcard);
        card.add("FN").text(settings_.server_name);
        if (!settings_.server_url.empty())
            card.add("URL").text(settings_.server_url);
        card.add("JABBERID").text(context_->host().domain());
        return card;
    }

    task<IqReply> answer(const Iq& iq)
    {
        if (!iq.payload().is("vCard", ns_vcard))
            co_return Condition::bad_request;
        if (iq.is_get())
            co_return co_await read(iq);
        if (iq.from().bare() != iq.account()->jid())
            co_return Condition::forbidden;
        co_return co_await write(iq);
    }

    task<IqReply> read(const Iq& iq)
    {
        const bool is_own = iq.from().bare() == iq.account()->jid();
        const auto text = co_await store_.get(std::string(iq.to().bare_text()), "card");
        if (!text)
            co_return failure(text.error());
        if (*text) {
            auto card = parse_element(**text, limits());
            co_return card ? IqReply(std::move(*card)) : failure(card.error());
        }
        // §3.1: no card of one's own is an empty one. Others hear the same about somebody without
        // a card and about nobody.
        if (is_own)
            co_return Element("vCard", ns_vcard);
        co_return Condition::item_not_found;
    }

    task<IqReply> write(const Iq& iq)
    {
        std::string text = to_string(iq.payload());
        if (text.size() > settings_.max_size.count)
            co_return StanzaError { Condition::resource_constraint,
                "the card is larger than " + std::to_string(settings_.max_size.count) + " bytes" };
        const AccountRef account(*iq.account());
        const std::string hash = photo_hash(iq.payload());
        const auto done
            = co_await store_.put(std::string(account->jid().text()), "card", std::move(text));
        if (!done)
            co_return failure(done.error());
        Photo& photo = account->slot(photo_);
        const bool is_news = photo.state != Photo::State::known || photo.hash != hash;
        photo = { hash, Photo::State::known };
        if (is_news)
            tell(*account, Existing::replaced);
        co_return {};
    }

    XmlLimits limits() const
    {
        XmlLimits wide;
        wide.bytes = settings_.max_size.count;
        return wide;
    }

    Flow presence_sent(PresenceSent& event)
    {
        if (!event.stanza.to().empty() || event.stanza.type() != Stanza::Type::none)
            return Flow::next;
        Account& account = event.session.account();
        Photo& photo = account.slot(photo_);
        if (photo.state == Photo::State::known) {
            if (!photo.hash.empty())
                add_photo_hash(event.stanza, photo.hash, Existing::stays);
        } else if (std::exchange(photo.state, Photo::State::loading) == Photo::State::unknown) {
            context_->spawn(load(AccountRef(account)));
        }
        return Flow::next;
    }

    /// Reads the card once for an account that comes online; its photo follows in a second
    /// presence.
    task<void> load(AccountRef account)
    {
        const auto text = co_await store_.get(std::string(account->jid().text()), "card");
        Photo& photo = account->slot(photo_);
        if (photo.state != Photo::State::loading)
            co_return; // a new card came meanwhile
        photo.state = text ? Photo::State::known : Photo::State::unknown;
        if (!text)
            co_return;
        if (*text)
            if (const auto card = parse_element(**text, limits()))
                photo.hash = photo_hash(*card);
        if (!photo.hash.empty())
            tell(*account, Existing::stays);
    }

    /// Sends the presence of every available resource again when its hash is another now.
    void tell(Account& account, Existing existing)
    {
        const std::string hash = account.slot(photo_).hash;
        for (Session* session : account.sessions()) {
            if (!session->is_available())
                continue;
            if (!add_photo_hash(*session->presence(), hash, existing))
                continue;
            PresenceSent event { *session, *session->presence(), true };
            context_->emit(event);
        }
    }

    IqReply failure(const Error& error) const
    {
        context_->log().error("a card is out of reach: {}", error.text);
        return StanzaError { Condition::internal_server_error, {}, {}, StanzaError::Type::wait };
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store store_;
    SlotId<Photo> photo_;
};

}

NUNCIO_PLUGIN(nuncio::vcard::Vcard, "vcard", "0.1.0", "XEP-0054: vcard-temp", "requires=storage/1")
