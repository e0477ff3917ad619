// XEP-0077: In-Band Registration.
#include "form.h"
#include "rate_limit.h"

#include <nuncio/address.h>
#include <nuncio/plugin.h>

#include <optional>

namespace nuncio::registration {

constexpr std::string_view ns_feature = "http://jabber.org/features/iq-register";

struct Settings {
    bool open = false;
    bool allow_unencrypted = false;
    std::string instructions = "Choose a user name and a password.";
    std::uint32_t burst = 3;
    Duration interval = std::chrono::minutes(10);
    bool exempt_loopback = false;
    Duration answer_time = 30s;
};

class Register final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Accounts made, changed and ended by their users")
            .option("open", &Settings::open,
                "Anybody may make an account. Changing one's password and ending one's account is "
                "possible in any case.")
            .option("allow_unencrypted", &Settings::allow_unencrypted,
                "Also on connections without TLS, where passwords can be overheard.")
            .option("instructions", &Settings::instructions, "What the form says above its fields.")
            .option("burst", &Settings::burst,
                "How often one address (IPv6: one /64) may try to register at a time.")
            .range(1, 1'000'000)
            .option("interval", &Settings::interval, "After which time one more try is granted.")
            .range(1, 1e9)
            .option("exempt_loopback", &Settings::exempt_loopback,
                "No limit for connections from this machine.")
            .option("answer_time", &Settings::answer_time,
                "How long a registration waits for plugins that look into it, as a policy in Lua "
                "does; without their answers it is refused.")
            .range(0.1, 600);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        limit_.emplace(settings_.burst, settings_.interval);
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        parting_ = context.account_slot<Parting>("register-parting");
        context.on<StreamFeatures>([this](StreamFeatures& event) { return offer(event); });
        context.on<UnboundIq>([this](UnboundIq& event) { return unbound(event); });
        context.on<AccountRemoving>([this](AccountRemoving& event) { return part(event); });
        const auto handler = [this](const Iq& iq) { return answer(iq); };
        context.on_iq(Component::local, ns_register, { .access = Access::local_users }, handler);
        context.on_iq(
            Component::sm, ns_register, { .access = Access::owner, .advertise = false }, handler);
        return {};
    }

    void save(Snapshot& snapshot) const override { limit_->save(snapshot); }
    Result<void> restore(const Snapshot& snapshot) override
    {
        limit_->restore(snapshot);
        return {};
    }

private:
    using Condition = StanzaError::Condition;

    /// The answer to a user who ends the account: given before the session ends with it.
    struct Parting {
        Stanza answer;
        std::string resource;
    };

    // ---- Before there is an account ----

    bool is_open_for(const ClientStream& stream) const
    {
        return settings_.open && (stream.is_encrypted() || settings_.allow_unencrypted);
    }

    Flow offer(StreamFeatures& event)
    {
        if (event.phase == StreamFeatures::Phase::authenticate && is_open_for(event.stream))
            event.features.add("register", ns_feature);
        return Flow::next;
    }

    Flow unbound(UnboundIq& event)
    {
        Stanza& iq = event.stanza;
        if (!iq.payload().is("query", ns_register) || !event.stream->user().empty())
            return Flow::next;
        if (!is_open_for(*event.stream)) {
            event.stream->send(iq.error_reply({ Condition::not_allowed,
                settings_.open ? "registration needs an encrypted connection"
                               : "registration is closed" }));
        } else if (iq.type() == Stanza::Type::get) {
            event.stream->send(IqReply(blank_form(settings_.instructions)).stanza(iq));
        } else {
            context_->spawn(enrol(event.stream, std::move(iq)));
        }
        return Flow::done;
    }

    task<void> enrol(ClientStreamRef stream, Stanza iq)
    {
        const IqReply reply
            = co_await create(stream, read_wish(iq.payload()), Element(iq.payload()));
        stream->send(reply.stanza(iq));
    }

    /// What other plugins have against this account.
    task<std::optional<StanzaError>> ask_others(ClientStreamRef stream, Jid account, Element form)
    {
        std::vector<Completion<std::optional<StanzaError>>> waits;
        AccountRegistering event { *stream, account, form, waits };
        context_->emit(event);
        const TimePoint deadline = Loop::current()->now() + settings_.answer_time;
        for (const auto& wait : waits) {
            auto refusal = co_await within(wait, deadline - Loop::current()->now());
            if (!refusal) {
                context_->log().warn("the registration of {} is refused: a plugin that was to look "
                                     "into it has not answered in time (answer_time)",
                    account);
                co_return StanzaError { Condition::resource_constraint, "try again later" };
            }
            if (*refusal)
                co_return *std::move(refusal);
        }
        co_return std::optional<StanzaError>();
    }

    task<IqReply> create(ClientStreamRef stream, Wish wish, Element form)
    {
        if (wish.removes)
            co_return Condition::unexpected_request;
        // A refusal costs a token, too: names are not to be guessed by trying.
        const bool is_exempt = settings_.exempt_loopback && is_loopback(stream->address());
        if (!is_exempt && !limit_->admit(stream->address(), Loop::current()->now())) {
            context_->log().warn("too many registrations from {}", stream->address());
            co_return StanzaError { Condition::resource_constraint,
                "too many registrations from your network; try again later" };
        }
        const auto jid = Jid::make(wish.username, context_->host().domain());
        if (wish.username.empty() || !jid)
            co_return StanzaError { Condition::not_acceptable,
                jid ? std::string("a user name is needed") : jid.error().text };
        if (wish.password.empty())
            co_return StanzaError { Condition::not_acceptable, "a password is needed" };
        auto refusal = co_await ask_others(stream, *jid, std::move(form));
        if (refusal)
            co_return *std::move(refusal);
        const std::string user(jid->local());
        const auto created
            = co_await context_->host().accounts().create(user, std::move(wish.password));
        if (!created)
            co_return failure(created.error());
        context_->log().info("registered {} from {}", *jid, stream->address());
        co_return {};
    }

    StanzaError failure(const Error& error) const
    {
        switch (error.kind) {
        case Error::Kind::conflict:
            return { Condition::conflict, "that name is taken" };
        case Error::Kind::invalid:
            return { Condition::not_acceptable, error.text };
        case Error::Kind::refused:
            return { Condition::not_allowed, error.text };
        case Error::Kind::not_found:
            return { Condition::registration_required, "there is no such account" };
        default:
            context_->log().error("an account was not changed: {}", error.text);
            return { Condition::internal_server_error, {}, {}, StanzaError::Type::wait };
        }
    }

    // ---- With an account ----

    task<IqReply> answer(const Iq& iq)
    {
        if (iq.is_get()) {
            Element query = blank_form(settings_.instructions);
            query.remove_child(query.child("x", "jabber:x:data"));
            query.add("registered");
            query.at(query.child("username")).text(iq.from().local());
            co_return query;
        }
        Wish wish = read_wish(iq.payload());
        if (wish.removes)
            co_return co_await cancel(iq);
        const bool is_safe = co_await is_encrypted(Jid(iq.from()));
        if (!is_safe && !settings_.allow_unencrypted)
            co_return StanzaError { Condition::not_allowed,
                "a password is changed on encrypted connections only" };
        co_return co_await change_password(Jid(iq.from()), std::move(wish));
    }

    /// The session lives on its own home loop, which need not be this one.
    task<bool> is_encrypted(Jid user)
    {
        Completion<bool> told;
        context_->host().at_home(user.view().bare(), [user, told](Account& account) {
            Session* session = account.find_session(user.resource());
            told.resolve(session && session->is_encrypted());
        });
        co_return co_await told;
    }

    task<IqReply> change_password(Jid user, Wish wish)
    {
        const auto named = Jid::make(wish.username, context_->host().domain());
        if (wish.username.empty() || wish.password.empty())
            co_return StanzaError { Condition::bad_request, "user name and password are needed" };
        if (!named || named->local() != user.local())
            co_return StanzaError { Condition::not_allowed, "that is not your account" };
        const auto changed = co_await context_->host().accounts().set_password(
            std::string(user.local()), std::move(wish.password));
        if (!changed)
            co_return failure(changed.error());
        co_return {};
    }

    task<IqReply> cancel(const Iq& iq)
    {
        const Jid user(iq.from());
        // XEP-0077 §3.2: the result comes before the stream ends. Whoever removes the account ends
        // its sessions, so the answer waits there.
        context_->host().at_home(user.view().bare(),
            [this, answer = IqReply().stanza(iq.stanza()), resource = std::string(user.resource())](
                Account& account) mutable {
                account.slot(parting_) = { std::move(answer), std::move(resource) };
            });
        const auto removed = co_await context_->host().accounts().remove(std::string(user.local()));
        if (removed)
            co_return {};
        context_->host().at_home(
            user.view().bare(), [this](Account& account) { account.slot(parting_) = {}; });
        co_return failure(removed.error());
    }

    Flow part(AccountRemoving& event)
    {
        Parting* parting = event.account.find_slot(parting_);
        if (!parting || !parting->answer)
            return Flow::next;
        if (Session* session = event.account.find_session(parting->resource))
            session->send(parting->answer);
        *parting = {};
        return Flow::next;
    }

    Settings settings_;
    std::optional<RateLimit> limit_;
    Context* context_ = nullptr;
    SlotId<Parting> parting_;
};

}

NUNCIO_PLUGIN(nuncio::registration::Register, "register", "0.1.0", "XEP-0077: In-Band Registration")
