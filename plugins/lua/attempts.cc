// Sessions, logins and registrations: what scripts say to those.
#include "hooks.h"

namespace nuncio::lua {

namespace {

    std::string reason_of(const Verdict& verdict)
    {
        if (!verdict.error.text.empty())
            return verdict.error.text;
        return verdict.reason.empty() ? "refused by a policy" : verdict.reason;
    }

    std::optional<std::string> refusal_of_login(const Verdict& verdict)
    {
        if (verdict.kind == Verdict::Kind::pass)
            return {};
        return "refused by a policy: " + reason_of(verdict);
    }

    std::optional<StanzaError> refusal_of_registration(const Verdict& verdict)
    {
        if (verdict.kind == Verdict::Kind::pass)
            return {};
        if (verdict.kind == Verdict::Kind::bounce)
            return verdict.error;
        return StanzaError { StanzaError::Condition::not_allowed, verdict.reason };
    }

    void close(Session* session, const Verdict& verdict)
    {
        if (session && verdict.kind != Verdict::Kind::pass)
            session->close({ StreamError::Condition::policy_violation, reason_of(verdict) });
    }

}

Flow Hooks::opened(SessionOpened& event, Stage stage)
{
    judge_session(event.session, Point::session_open, stage);
    return Flow::next;
}

Flow Hooks::closed(SessionClosed& event, Stage stage)
{
    judge_session(event.session, Point::session_close, stage);
    return Flow::next;
}

void Hooks::judge_session(Session& session, Point point, Stage stage)
{
    Place& place = here();
    const bool is_asked = place.policies && place.policies->has(point, stage);
    const bool is_tried = place.trial && place.trial->has(point, stage);
    if (!is_asked && !is_tried)
        return;
    const Subject subject { .point = point,
        .jid = session.jid().text(),
        .user = session.jid().local(),
        .address = session.address(),
        .is_encrypted = session.is_encrypted() };
    if (is_tried)
        try_out(place, subject, stage);
    if (!is_asked)
        return;
    auto held = std::make_unique<Held>();
    held->judging.subject = subject;
    held->judging.stage = stage;
    const bool is_open = point == Point::session_open;
    if (place.policies->judge(held->judging))
        return close(is_open ? &session : nullptr, held->judging.verdict);
    place.policies->hold(held->judging, nullptr);
    common_.context.spawn(
        finish_session(place.policies, std::move(held), SessionRef(session), is_open));
}

task<void> Hooks::finish_session(std::shared_ptr<Policies> policies, std::unique_ptr<Held> held,
    SessionRef session, bool is_open)
{
    co_await policies->finish(held->judging);
    close(is_open ? session.get() : nullptr, held->judging.verdict);
}

Flow Hooks::authenticating(AuthenticationBeginning& event, Stage stage)
{
    const Subject subject { .point = Point::login,
        .user = event.user,
        .address = event.stream.address(),
        .mechanism = event.mechanism,
        .is_encrypted = event.stream.is_encrypted() };
    return judge_attempt(subject, stage, event.waits, refusal_of_login);
}

Flow Hooks::registering(AccountRegistering& event, Stage stage)
{
    const Subject subject { .point = Point::registration,
        .jid = event.account.text(),
        .user = event.account.local(),
        .address = event.stream.address(),
        .is_encrypted = event.stream.is_encrypted(),
        .form = event.form };
    return judge_attempt(subject, stage, event.waits, refusal_of_registration);
}

template <class Answer>
Flow Hooks::judge_attempt(const Subject& subject, Stage stage,
    std::vector<Completion<std::optional<Answer>>>& waits,
    std::optional<Answer> (*convert)(const Verdict&))
{
    Place& place = here();
    if (place.trial && place.trial->has(subject.point, stage))
        try_out(place, subject, stage);
    if (!place.policies || !place.policies->has(subject.point, stage))
        return Flow::next;
    auto held = std::make_unique<Held>();
    held->judging.subject = subject;
    held->judging.stage = stage;
    const Completion<std::optional<Answer>> answer;
    waits.push_back(answer);
    if (place.policies->judge(held->judging)) {
        answer.resolve(convert(held->judging.verdict));
        return Flow::next;
    }
    place.policies->hold(held->judging, nullptr);
    common_.context.spawn(finish_attempt(place.policies, std::move(held), answer, convert));
    return Flow::next;
}

template <class Answer>
task<void> Hooks::finish_attempt(std::shared_ptr<Policies> policies, std::unique_ptr<Held> held,
    Completion<std::optional<Answer>> answer, std::optional<Answer> (*convert)(const Verdict&))
{
    co_await policies->finish(held->judging);
    answer.resolve(convert(held->judging.verdict));
}

}
