// A session: what comes in from its stream, what goes out to it, and how it ends.
#include "session.h"

#include "loop.h"
#include "router.h"
#include "server.h"
#include "shard.h"
#include "trace.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>

namespace nuncio::kernel {

namespace {

    /// RFC 6121 §4.7.2.3: an integer between -128 and +127; absent means 0.
    std::optional<int> priority_of(const Stanza& presence)
    {
        const ElementRef element = presence.child("priority");
        if (!element)
            return 0;
        std::string text = element.text();
        const auto first = text.find_first_not_of(" \t\r\n");
        if (first == text.npos)
            return 0;
        text = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
        int value = 0;
        const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
        const auto [end, failure] = std::from_chars(begin, text.data() + text.size(), value);
        if (failure != std::errc() || end != text.data() + text.size() || value < -128
            || value > 127)
            return {};
        return value;
    }

    /// Of a session that goes on for a moment after its stream has ended.
    class NoStream final : public SessionStream {
    public:
        void send(const Stanza&) override { }
        void send_to(const Stanza&, JidView) override { }
        void close(StreamError) override { }
        std::string_view address() const override { return {}; }
        bool is_encrypted() const override { return false; }
        std::size_t backlog() const override { return 0; }
        void pause_reading() override { }
        void resume_reading() override { }
    };

    SessionStream& no_stream()
    {
        static NoStream stream; // without state: for all loops
        return stream;
    }

    bool is_subscription(Stanza::Type type)
    {
        using enum Stanza::Type;
        return type == subscribe || type == subscribed || type == unsubscribe
            || type == unsubscribed;
    }

}

AccountObject::AccountObject(VirtualHost& host, Jid jid)
    : host_(host)
    , jid_(std::move(jid))
{
}

AccountObject::~AccountObject() = default;

Session* AccountObject::find_session(std::string_view resource)
{
    for (Session* session : sessions_)
        if (session->jid().resource() == resource)
            return session;
    return nullptr;
}

void AccountObject::resume_delivery(Stanza stanza, Stage stage)
{
    SessionManager(host_).deliver(std::move(stanza), TakenBy { current_plugin(), stage });
}

void AccountObject::release()
{
    if (--references_ == 0 && owned_.empty())
        host_.shard().accounts.erase(jid_.text()); // destroys this
}

std::uint64_t AccountObject::hold_messages()
{
    if (!waiting_line_) {
        static std::atomic<std::uint64_t> last_number = 0;
        const auto number = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
        waiting_line_ = std::make_unique<WaitingLine>(number);
        // Whoever holds the messages may wait for an answer that never comes. The timer is ours,
        // not his.
        auto* const plugin = exchange_current_plugin(nullptr);
        const auto limit = host_.server().settings().limits.held_time;
        waiting_line_->set_deadline(Loop::current()->after(limit, [this] {
            host_.server().log().warn("messages for {} no longer wait for older ones", jid_);
            let_go();
        }));
        exchange_current_plugin(plugin);
    }
    waiting_line_->add_hold();
    return waiting_line_->number();
}

void AccountObject::release_messages(std::uint64_t hold)
{
    if (!waiting_line_ || waiting_line_->number() != hold)
        return; // its time was over before
    waiting_line_->remove_hold();
    if (waiting_line_->is_held())
        return;
    // In a turn of its own: whoever releases may himself be handling a stanza.
    Loop::current()->post([this, hold, kept = AccountRef(*this)] {
        if (waiting_line_ && waiting_line_->number() == hold && !waiting_line_->is_held())
            let_go();
    });
}

void AccountObject::let_go()
{
    assert(waiting_line_);
    const AccountRef kept(*this);
    auto waiting = std::exchange(waiting_line_, nullptr)->leave();
    host_.server().router().resume(std::move(waiting));
}

ClientSession::ClientSession(
    AccountObject& account, Jid jid, SessionStream& stream, std::uint64_t id)
    : account_(account)
    , account_reference_(account)
    , jid_(std::move(jid))
    , stream_(&stream)
    , id_(id)
    , last_activity_(KernelLoop::current()->now())
{
}

ClientSession::~ClientSession() = default;

std::optional<StreamError> ClientSession::receive(Stanza::Parsed parsed)
{
    if (has_ended_)
        return {};
    last_activity_ = KernelLoop::current()->now();
    const RouteTable& table = virtual_host().table();
    Stanza& stanza = parsed.stanza;
    if (table.is_pausing && must_wait(table, stanza)) [[unlikely]] {
        wait(std::move(parsed));
        return {};
    }
    const JidView claimed = stanza.from();
    if (!claimed.empty() && claimed != jid_.view() && claimed != jid_.view().bare())
        return StreamError { StreamError::Condition::invalid_from };

    // RFC 6121 §3.1.2: subscription stanzas carry the bare JID; everything else the full one.
    if (stanza.is_presence() && is_subscription(stanza.type()))
        stanza.set_from(jid_.view().bare());
    else
        stanza.set_from(jid_);

    trace(virtual_host().server(), stanza, "received from the client");
    if (parsed.error) {
        if (!stanza.is_error() && stanza.type() != Stanza::Type::result)
            send(stanza.error_reply(*parsed.error));
        return {};
    }

    if (!table.stanza_received.empty()) {
        StanzaReceived event { *this, stanza };
        const TracedHooks traced(virtual_host().server(), StanzaReceived::hook, stanza);
        if (run_chain(table.stanza_received, &event) == Flow::done)
            return {};
    }
    go_on(std::move(stanza));
    return {};
}

void ClientSession::resume_received(Stanza stanza, Stage stage)
{
    resume_behind(std::move(stanza), { current_plugin(), stage });
}

void ClientSession::resume_behind(Stanza stanza, const TakenBy& taken)
{
    if (has_ended_)
        return;
    const RouteTable& table = virtual_host().table();
    if (table.is_pausing && must_wait(table, stanza)) [[unlikely]]
        return virtual_host().hold(account_.jid().text(),
            [self = SessionRef(*this), taken, held = std::move(stanza)]() mutable {
                if (auto* const session = static_cast<ClientSession*>(self.get()))
                    session->resume_behind(std::move(held), taken);
            });
    StanzaReceived event { *this, stanza };
    const TracedHooks traced(virtual_host().server(), StanzaReceived::hook, stanza);
    if (run_chain_after(table.stanza_received, &event, taken) == Flow::next)
        go_on(std::move(stanza));
}

void ClientSession::go_on(Stanza&& stanza)
{
    if (stanza.is_presence())
        return receive_presence(std::move(stanza));
    if (stanza.to().empty()) {
        // RFC 6120 §10.3: without `to`, a message or iq is for the sender's own account.
        stanza.set_to(jid_.view().bare());
    }
    virtual_host().server().router().route(std::move(stanza));
}

bool ClientSession::must_wait(const RouteTable& table, const Stanza& received) const
{
    const bool meets_paused = table.stanza_received.is_paused
        || (received.is_presence() && table.presence_sent.is_paused);
    return meets_paused || account_.virtual_host().holds(account_.jid().text());
}

/// The client is not read meanwhile, so that it holds up no more than this stanza.
void ClientSession::wait(Stanza::Parsed parsed)
{
    if (pauses_++ == 0)
        stream_->pause_reading();
    virtual_host().hold(
        account_.jid().text(), [self = SessionRef(*this), parsed = std::move(parsed)]() mutable {
            auto* const session = static_cast<ClientSession*>(self.get());
            if (!session)
                return;
            if (session->pauses_ > 0 && --session->pauses_ == 0)
                session->stream_->resume_reading();
            if (auto error = session->receive(std::move(parsed)))
                session->close(std::move(*error));
        });
}

void ClientSession::receive_presence(Stanza&& stanza)
{
    const bool was_available = is_available();
    Stanza* subject = &stanza;
    if (stanza.to().empty()) {
        if (stanza.type() == Stanza::Type::none) {
            const auto priority = priority_of(stanza);
            if (!priority) {
                send(stanza.error_reply(StanzaError { StanzaError::Condition::bad_request,
                    "the priority must be an integer from -128 to 127" }));
                return;
            }
            presence_ = std::make_unique<Stanza>(std::move(stanza));
            presence_time_ = KernelLoop::current()->wall_time();
            priority_ = static_cast<std::int8_t>(*priority);
            subject = presence_.get();
        } else if (stanza.type() == Stanza::Type::unavailable) {
            presence_.reset();
            priority_ = 0;
        }
    }
    PresenceSent event { *this, *subject, was_available };
    const TracedHooks traced(virtual_host().server(), PresenceSent::hook, *subject);
    const Flow flow = run_chain(virtual_host().table().presence_sent, &event);
    if (subject != &stanza) {
        // Kept as long as the session is available. The copy is as small as the stanza, with what
        // handlers added to it; the arena it came in is not.
        if (subject == presence_.get())
            *presence_ = Stanza(std::as_const(*presence_));
        return;
    }
    if (flow == Flow::next && !stanza.to().empty())
        virtual_host().server().router().route(std::move(stanza));
}

void ClientSession::send(const Stanza& stanza)
{
    deliver(stanza, {});
}

void ClientSession::send_to(const Stanza& stanza, JidView to)
{
    deliver(stanza, to);
}

void ClientSession::deliver(const Stanza& stanza, JidView to)
{
    if (has_ended_)
        return;
    const HookChain& chain = virtual_host().table().stanza_sending;
    if (chain.is_paused) [[unlikely]]
        return virtual_host().hold(
            account_.jid().text(), [self = SessionRef(*this), copy = stanza, as = Jid(to)] {
                if (auto* const session = static_cast<ClientSession*>(self.get()))
                    session->deliver(copy, as);
            });
    if (!chain.empty()) {
        StanzaSending event { *this, stanza };
        const TracedHooks traced(virtual_host().server(), StanzaSending::hook, stanza);
        if (run_chain(chain, &event) == Flow::done)
            return;
    }
    if (Trace::is_on()) [[unlikely]]
        trace_now(virtual_host().server(), stanza, "sent to the session " + jid_.text());
    if (to.empty())
        stream_->send(stanza);
    else
        stream_->send_to(stanza, to);
    if (is_congested()) [[unlikely]]
        pause_sender(stanza.from());
}

bool ClientSession::is_congested() const
{
    return stream_->backlog()
        > account_.virtual_host().server().settings().limits.output_high.count;
}

Completion<bool> ClientSession::drained()
{
    Completion<bool> done;
    if (has_ended_ || !is_congested()) {
        done.resolve(!has_ended_);
        return done;
    }
    if (!congestion_)
        congestion_ = std::make_unique<Congestion>();
    congestion_->waiting.push_back(done);
    return done;
}

void ClientSession::pause_sender(JidView sender)
{
    // Back-pressure reaches only clients of this server; other senders meet output_max.
    Server& server = virtual_host().server();
    VirtualHost* host = nullptr;
    const auto& domains = server.domains().domains;
    if (const auto found = domains.find(sender.domain()); found != domains.end())
        host = found->second.host;
    if (!host || !sender.is_full() || sender.local().empty() || sender == jid_.view())
        return;
    if (!congestion_)
        congestion_ = std::make_unique<Congestion>();
    auto& paused = congestion_->paused_senders;
    if (std::ranges::any_of(paused, [&](const Jid& jid) { return jid.view() == sender; }))
        return;
    paused.emplace_back(sender);
    host->at_home(sender, [resource = std::string(sender.resource())](Account& account) {
        if (auto* session = static_cast<ClientSession*>(account.find_session(resource)))
            if (session->pauses_++ == 0)
                session->stream_->pause_reading();
    });
}

void ClientSession::stream_drained()
{
    end_congestion(true);
}

void ClientSession::end_congestion(bool is_drained)
{
    const auto congestion = std::move(congestion_);
    if (!congestion)
        return;
    for (const auto& waiting : congestion->waiting)
        waiting.resolve(is_drained);
    const auto& domains = virtual_host().server().domains().domains;
    for (const Jid& sender : congestion->paused_senders) {
        const auto found = domains.find(sender.domain());
        if (found == domains.end() || !found->second.host)
            continue;
        found->second.host->at_home(
            sender, [resource = std::string(sender.resource())](Account& account) {
                if (auto* session = static_cast<ClientSession*>(account.find_session(resource)))
                    if (session->pauses_ > 0 && --session->pauses_ == 0)
                        session->stream_->resume_reading();
            });
    }
}

void ClientSession::close(StreamError error)
{
    if (!has_ended_)
        stream_->close(std::move(error));
}

std::string_view ClientSession::address() const
{
    return stream_->address();
}

bool ClientSession::is_encrypted() const
{
    return stream_->is_encrypted();
}

void ClientSession::end()
{
    if (has_ended_)
        return;
    if (presence_) {
        // RFC 6121 §4.5.2: the server says good-bye for a client that did not.
        Stanza unavailable(Stanza::Kind::presence, Stanza::Type::unavailable);
        unavailable.set_from(jid_);
        presence_.reset();
        PresenceSent event { *this, unavailable, true };
        run_chain(virtual_host().table().presence_sent, &event);
    }
    SessionClosed event { *this };
    run_chain(virtual_host().table().session_closed, &event);
    has_ended_ = true;
    std::erase(account_.sessions_, this);
    virtual_host().sessions_.fetch_sub(1, std::memory_order_relaxed);
    end_congestion(false);
}

void ClientSession::stream_ended()
{
    const RouteTable& table = virtual_host().table();
    if (table.is_pausing && !has_ended_
        && (table.presence_sent.is_paused || table.session_closed.is_paused
            || virtual_host().holds(account_.jid().text()))) [[unlikely]] {
        stream_ = &no_stream();
        return virtual_host().hold(account_.jid().text(), [this] { stream_ended(); });
    }
    const AccountRef kept = account_reference_;
    end();
    std::erase_if(account_.owned_, [this](const auto& owned) { return owned.get() == this; });
}

}
