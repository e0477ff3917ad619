// XEP-0054: vcard-temp; XEP-0153: vCard-Based Avatars.
#include "photo.h"

#include <nuncio/plugin.h>

#include <algorithm>

namespace nuncio::vcard {

constexpr std::string_view ns_vcard = "vcard-temp";
constexpr std::string_view ns_update = "vcard-temp:x:update";

struct Settings {
    Bytes size { 131072 };
};

/// What one account's presence says about its photo. Loaded at the first session.
struct Photo {
    enum class State { unknown, loading, known };
    /// A presence that waits until the hash is known.
    struct Held {
        SessionRef session;
        bool was_available;
    };
    State state = State::unknown;
    std::string hash; ///< SHA-1 in hexadecimal; empty: no photo
    std::vector<Held> held;
};

class Vcard final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Keeps users' vCards and announces their photos")
            .option("size", &Settings::size, "The most one vCard may take.")
            .range(1024, 16.0 * 1024 * 1024);
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
        photo_ = context.account_slot<Photo>("vcard.photo");
        context.on_iq(Component::sm, ns_vcard, { .discipline = Discipline::queues(64) },
            [this](const Iq& iq) { return iq.is_get() ? get(iq) : set(iq); });
        context.on_iq(Component::local, ns_vcard, {}, [this](const Iq& iq) -> IqReply {
            if (iq.is_set())
                return StanzaError::Condition::not_allowed;
            Element card("vCard", ns_vcard);
            card.add("FN").text(context_->host().domain());
            card.add("DESC").text("nuncio, an XMPP server");
            return card;
        });
        // Before the presence plugin broadcasts.
        context.on<PresenceSent>(
            Stage::early, [this](PresenceSent& event) { return announce(event); });
        return {};
    }

private:
    task<IqReply> get(const Iq& iq)
    {
        auto stored = co_await store_.get(std::string(iq.to().bare_text()), "vcard");
        if (!stored)
            co_return StanzaError::Condition::internal_server_error;
        auto card = *stored ? parse_element(**stored) : Result<Element>(Error {});
        if (!card)
            co_return StanzaError::Condition::item_not_found;
        co_return std::move(*card);
    }

    task<IqReply> set(const Iq& iq)
    {
        // XEP-0054 §3.2: nobody but the owner.
        if (iq.from().bare() != iq.to().bare())
            co_return StanzaError::Condition::forbidden;
        const std::string owner(iq.to().bare_text());
        std::string text = to_string(iq.payload());
        if (text.size() > settings_.size.count)
            co_return StanzaError { StanzaError::Condition::not_acceptable,
                "a vCard may take " + std::to_string(settings_.size.count) + " bytes" };
        std::string hash = photo_hash(iq.payload());
        std::vector<StorageOp> steps(2);
        steps[0] = {
            .kind = StorageOp::Kind::put, .owner = owner, .key = "vcard", .value = std::move(text)
        };
        steps[1] = { .kind = StorageOp::Kind::put, .owner = owner, .key = "photo", .value = hash };
        if (auto stored = co_await store_.batch(std::move(steps)); !stored)
            co_return StanzaError::Condition::internal_server_error;

        Photo& photo = iq.account()->slot(photo_);
        const bool has_changed = photo.state == Photo::State::known && photo.hash != hash;
        photo.hash = std::move(hash);
        photo.state = Photo::State::known;
        // XEP-0153 §3.2: contacts learn of a new photo by presence.
        if (has_changed)
            for (Session* session : iq.account()->sessions())
                if (session->is_available())
                    broadcast_again(*session, true);
        co_return IqReply();
    }

    Flow announce(PresenceSent& event)
    {
        if (event.stanza.type() != Stanza::Type::none)
            return Flow::next;
        Photo& photo = event.session.account().slot(photo_);
        if (photo.state == Photo::State::known) {
            write_hash(event.stanza, photo.hash);
            return Flow::next;
        }
        if (!event.stanza.to().empty())
            return Flow::next; // a directed presence does not wait
        photo.held.push_back({ SessionRef(event.session), event.was_available });
        if (photo.state == Photo::State::unknown) {
            photo.state = Photo::State::loading;
            context_->spawn(load(AccountRef(event.session.account())));
        }
        return Flow::done;
    }

    task<void> load(AccountRef account)
    {
        auto stored = co_await store_.get(std::string(account->jid().text()), "photo");
        if (!stored)
            context_->log().warn("photo of {}: {}", account->jid(), stored.error().text);
        Photo& photo = account->slot(photo_);
        if (photo.state != Photo::State::known) {
            photo.hash = stored && *stored ? **stored : std::string();
            photo.state = Photo::State::known;
        }
        for (const Photo::Held& held : std::exchange(photo.held, {}))
            if (Session* session = held.session.get(); session && session->is_available())
                broadcast_again(*session, held.was_available);
    }

    /// The session's presence once more on its way, now with the hash.
    void broadcast_again(Session& session, bool was_available)
    {
        Stanza& presence = *session.presence();
        PresenceSent event { session, presence, was_available };
        context_->emit(event);
    }

    /// XEP-0398 §2: the server knows the hash, so it fills in what the client left open.
    static void write_hash(Stanza& presence, const std::string& hash)
    {
        Element& element = presence.element();
        if (const ElementRef update = element.child("x", ns_update)) {
            // §4.1 of XEP-0153: without <photo/> the client is not ready to tell; we are.
            element.remove_child(update);
        } else if (hash.empty()) {
            return;
        }
        element.add("x", ns_update).add("photo").text(hash);
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store store_;
    SlotId<Photo> photo_;
};

}

NUNCIO_PLUGIN(nuncio::vcard::Vcard, "vcard", "0.1.0",
    "XEP-0054: vcard-temp; XEP-0153: vCard-Based Avatars", "requires=storage/1")
