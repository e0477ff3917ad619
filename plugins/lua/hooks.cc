#include "hooks.h"

namespace nuncio::lua {

namespace {

    constexpr Stage stages[] = { Stage::early, Stage::normal, Stage::late };

    /// A session or an account: the two places where a stanza may wait and go on.
    struct OfSession {
        using Reference = SessionRef;
        Session& session;
        Reference reference() const { return SessionRef(session); }
        template <class T>
        T& slot(SlotId<T> id) const
        {
            return session.slot(id);
        }
        template <class T>
        T* find_slot(SlotId<T> id) const
        {
            return session.find_slot(id);
        }
    };
    struct OfAccount {
        using Reference = AccountRef;
        Account& account;
        Reference reference() const { return AccountRef(account); }
        template <class T>
        T& slot(SlotId<T> id) const
        {
            return account.slot(id);
        }
        template <class T>
        T* find_slot(SlotId<T> id) const
        {
            return account.find_slot(id);
        }
    };

    Subject subject_of(const SessionRef& reference, const Stanza& stanza)
    {
        Subject subject { .point = Point::in, .stanza = &stanza };
        if (Session* session = reference.get()) {
            subject.jid = session->jid().text();
            subject.user = session->jid().local();
            subject.address = session->address();
            subject.is_encrypted = session->is_encrypted();
        }
        return subject;
    }
    Subject subject_of(const AccountRef& reference, const Stanza& stanza)
    {
        return { .point = Point::delivered,
            .stanza = &stanza,
            .jid = reference->jid().text(),
            .user = reference->jid().local() };
    }

    void resume(Host& host, const SessionRef& reference, Stanza stanza, Stage stage)
    {
        if (Session* session = reference.get())
            return session->resume_received(std::move(stanza), stage);
        // Its sender has gone since, but the message was taken in.
        if (stanza.is_message() && !stanza.to().empty())
            host.route(std::move(stanza));
    }
    void resume(Host&, const AccountRef& reference, Stanza stanza, Stage stage)
    {
        reference->resume_delivery(std::move(stanza), stage);
    }

}

Hooks::Hooks(Common& common, std::uint32_t most_waiting)
    : common_(common)
    , most_waiting_(most_waiting)
    , places_(common.context.host().loop_count() + 1) // the main loop has none
{
}

void Hooks::start()
{
    Context& context = common_.context;
    session_strands_ = context.session_slot<Strands>("lua");
    account_strands_ = context.account_slot<Strands>("lua");
    for (const Stage stage : stages) {
        context.on<StanzaReceived>(
            stage, [this, stage](StanzaReceived& event) { return received(event, stage); });
        context.on<StanzaRouting>(
            stage, [this, stage](StanzaRouting& event) { return routing(event, stage); });
        context.on<StanzaDelivering>(
            stage, [this, stage](StanzaDelivering& event) { return delivering(event, stage); });
        context.on<SessionOpened>(
            stage, [this, stage](SessionOpened& event) { return opened(event, stage); });
        context.on<SessionClosed>(
            stage, [this, stage](SessionClosed& event) { return closed(event, stage); });
        context.on<AuthenticationBeginning>(stage,
            [this, stage](AuthenticationBeginning& event) { return authenticating(event, stage); });
        context.on<AccountRegistering>(
            stage, [this, stage](AccountRegistering& event) { return registering(event, stage); });
    }
}

// ---- Stanzas ----

Flow Hooks::received(StanzaReceived& event, Stage stage)
{
    Place& place = here();
    const bool is_asked = place.policies && place.policies->has(Point::in, stage);
    const bool is_tried = place.trial && place.trial->has(Point::in, stage);
    if (!is_asked && !is_tried) [[likely]]
        return Flow::next;
    Session& session = event.session;
    const Subject subject { .point = Point::in,
        .stanza = &event.stanza,
        .jid = session.jid().text(),
        .user = session.jid().local(),
        .address = session.address(),
        .is_encrypted = session.is_encrypted() };
    if (is_tried)
        try_out(place, subject, stage);
    if (!is_asked)
        return Flow::next;
    return judge_stanza(OfSession { session }, subject, event.stanza, stage, session_strands_);
}

Flow Hooks::delivering(StanzaDelivering& event, Stage stage)
{
    Place& place = here();
    const bool is_asked = place.policies && place.policies->has(Point::delivered, stage);
    const bool is_tried = place.trial && place.trial->has(Point::delivered, stage);
    if (!is_asked && !is_tried) [[likely]]
        return Flow::next;
    const Subject subject { .point = Point::delivered,
        .stanza = &event.stanza,
        .jid = event.account.jid().text(),
        .user = event.account.jid().local() };
    if (is_tried)
        try_out(place, subject, stage);
    if (!is_asked)
        return Flow::next;
    return judge_stanza(
        OfAccount { event.account }, subject, event.stanza, stage, account_strands_);
}

template <class Owner>
Flow Hooks::judge_stanza(
    const Owner& owner, const Subject& subject, Stanza& stanza, Stage stage, SlotId<Strands> slot)
{
    if (Strands* strands = owner.find_slot(slot)) {
        const auto& strand = strands->by_stage[std::size_t(stage)];
        if (strand && strand->is_busy) {
            // Somebody before it waits: it may not overtake.
            if (strand->queue.size() >= most_waiting_)
                refuse(stanza,
                    { .condition = StanzaError::Condition::resource_constraint,
                        .text = "too many stanzas wait for a policy of this server" });
            else
                strand->queue.push_back(std::move(stanza));
            return Flow::done;
        }
    }
    Judging judging { .subject = subject, .stage = stage };
    Policies& policies = *here().policies;
    if (policies.judge(judging))
        return carry_out(judging, stanza) ? Flow::next : Flow::done;

    auto& strand = owner.slot(slot).by_stage[std::size_t(stage)];
    if (!strand)
        strand = std::make_shared<Strand>();
    strand->is_busy = true;
    auto held = std::make_unique<Held>();
    held->stanza = std::move(stanza);
    held->judging = std::move(judging);
    policies.hold(
        held->judging, held->judging.rewritten ? &*held->judging.rewritten : &held->stanza);
    common_.context.spawn(work_off(owner.reference(), std::move(held), strand));
    return Flow::done;
}

/// Ends with an empty strand: waits for the stanza that is held, then works off what came
/// meanwhile.
template <class Reference>
task<void> Hooks::work_off(
    Reference owner, std::unique_ptr<Held> held, std::shared_ptr<Strand> strand)
{
    const Stage stage = held->judging.stage;
    std::shared_ptr<Policies> policies = here().policies;
    co_await policies->finish(held->judging);
    for (;;) {
        if (carry_out(held->judging, held->stanza))
            resume(common_.context.host(), owner, std::move(held->stanza), stage);
        if (strand->queue.empty())
            break;
        held = std::make_unique<Held>();
        held->stanza = std::move(strand->queue.front());
        strand->queue.pop_front();
        held->judging.subject = subject_of(owner, held->stanza);
        held->judging.stage = stage;
        policies = here().policies; // perhaps newer ones
        if (!policies->judge(held->judging)) {
            policies->hold(
                held->judging, held->judging.rewritten ? &*held->judging.rewritten : &held->stanza);
            co_await policies->finish(held->judging);
        }
    }
    strand->is_busy = false;
}

bool Hooks::carry_out(Judging& judging, Stanza& stanza)
{
    if (judging.rewritten)
        stanza = std::move(*judging.rewritten);
    Host& host = common_.context.host();
    Verdict& verdict = judging.verdict;
    switch (verdict.kind) {
    case Verdict::Kind::pass:
        return true;
    case Verdict::Kind::drop:
        return false;
    case Verdict::Kind::bounce:
        refuse(stanza, verdict.error);
        return false;
    case Verdict::Kind::reply:
        host.route(std::move(verdict.stanza));
        return false;
    case Verdict::Kind::redirect:
        break;
    }
    stanza.set_to(verdict.to);
    if (judging.subject.point == Point::in)
        return true; // on its way as if it had been sent there
    // Past our own handlers there, so that two redirections cannot play ball. judge() refused
    // addresses elsewhere.
    const Jid to = verdict.to;
    host.at_home(to.view().bare(), [stanza = std::move(stanza)](Account& account) mutable {
        account.resume_delivery(std::move(stanza), Stage::late);
    });
    return false;
}

void Hooks::refuse(const Stanza& stanza, const StanzaError& error)
{
    const bool is_answer = stanza.is_error() || (stanza.is_iq() && !stanza.is_request());
    if (!is_answer && !stanza.from().empty())
        common_.context.host().route(stanza.error_reply(error));
}

Flow Hooks::routing(StanzaRouting& event, Stage stage)
{
    Place& place = here();
    const bool is_asked = place.policies && place.policies->has(Point::routed, stage);
    const bool is_tried = place.trial && place.trial->has(Point::routed, stage);
    if (!is_asked && !is_tried) [[likely]]
        return Flow::next;
    const Subject subject { .point = Point::routed, .stanza = &event.stanza };
    if (is_tried)
        try_out(place, subject, stage);
    if (!is_asked)
        return Flow::next;
    Judging judging { .subject = subject, .stage = stage };
    place.policies->judge(judging);
    return carry_out(judging, event.stanza) ? Flow::next : Flow::done;
}

// ---- Trials ----

void Hooks::try_out(Place& place, const Subject& subject, Stage stage)
{
    Judging judging { .subject = subject, .stage = stage };
    const std::shared_ptr<Policies> trial = place.trial;
    if (trial->judge(judging))
        return;
    auto held = std::make_unique<Held>();
    if (subject.stanza)
        held->stanza = *subject.stanza;
    held->judging = std::move(judging);
    trial->hold(held->judging, subject.stanza ? &held->stanza : nullptr);
    common_.context.spawn(finish_trial(trial, std::move(held)));
}

task<void> Hooks::finish_trial(std::shared_ptr<Policies> trial, std::unique_ptr<Held> held)
{
    co_await trial->finish(held->judging);
}

}
