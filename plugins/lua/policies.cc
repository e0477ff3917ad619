#include "policies.h"

#include <algorithm>

namespace nuncio::lua {

std::uint8_t wanted_by(const Stanza& stanza)
{
    using enum Stanza::Type;
    switch (stanza.kind()) {
    case Stanza::Kind::message:
        return wants_message;
    case Stanza::Kind::iq:
        return wants_iq;
    case Stanza::Kind::presence:
        break;
    }
    const auto type = stanza.type();
    const bool is_subscription
        = type == subscribe || type == subscribed || type == unsubscribe || type == unsubscribed;
    return is_subscription ? wants_presence | wants_subscription : wants_presence;
}

namespace {

    std::string describe(const Verdict& verdict, bool is_rewritten)
    {
        std::string text = is_rewritten ? "rewrite, " : "";
        text += to_string(verdict.kind);
        if (verdict.kind == Verdict::Kind::bounce)
            text += ' ' + std::string(to_string(verdict.error.condition));
        if (verdict.kind == Verdict::Kind::redirect)
            text += " to " + verdict.to.text();
        if (verdict.kind == Verdict::Kind::drop && !verdict.reason.empty())
            text += " (" + verdict.reason + ')';
        return text;
    }

}

Policies::Policies(Common& common, Loop& loop)
    : common_(common)
    , loop_(loop)
{
}

Policies::~Policies()
{
    common_.timers.fetch_sub(std::uint32_t(timers_.size()), std::memory_order_relaxed);
}

void Policies::add(std::unique_ptr<Script> script, std::shared_ptr<Record> record)
{
    const std::size_t index = scripts_.size();
    for (const Script::Handler& handler : script->handlers())
        lists_[std::size_t(handler.event.point)][std::size_t(handler.stage)].push_back(
            { index, &handler });
    scripts_.push_back({ std::move(script), std::move(record) });
    for (auto& stages : lists_)
        for (List& places : stages)
            std::ranges::stable_sort(
                places, std::greater(), [](const Place& place) { return place.handler->priority; });
}

void Policies::take_over(Policies* before)
{
    if (!before)
        return;
    for (Armed& armed : scripts_)
        for (Armed& old : before->scripts_)
            if (old.script->name() == armed.script->name())
                armed.script->restore_state(old.script->save_state());
}

bool Policies::judge(Judging& judging)
{
    const List& places = list(judging.subject.point, judging.stage);
    const std::uint8_t kind = judging.subject.stanza ? wanted_by(*judging.subject.stanza) : 0;
    while (judging.next < places.size()) {
        const Place& place = places[judging.next++];
        if (kind && !(place.handler->event.wants & kind))
            continue;
        Armed& armed = scripts_[place.script];
        if (armed.record->is_resting(now())) {
            if (armed.script->on_error() == OnError::refuse && !is_on_trial()) {
                judging.verdict = { .kind = Verdict::Kind::bounce,
                    .error = { .condition = StanzaError::Condition::resource_constraint,
                        .text = "a policy of this server is out of order; try again later" },
                    .reason = "the script rests" };
                return true;
            }
            continue;
        }
        Script::Progress progress {};
        Script::Call* const call = armed.script->begin(*place.handler, judging.subject, progress);
        if (progress == Script::Progress::waits) {
            if (judging.subject.point == Point::routed) {
                armed.script->end(*call);
                if (fail(judging, armed, Excess::none, "await is not possible in a .routed event"))
                    return true;
                continue;
            }
            judging.waiting = call;
            return false;
        }
        if (conclude(judging, armed, call, progress))
            return true;
    }
    return true;
}

bool Policies::conclude(
    Judging& judging, Armed& armed, Script::Call* call, Script::Progress progress)
{
    Script& script = *armed.script;
    if (progress == Script::Progress::failed) {
        const Excess excess = call ? script.machine().excess() : Excess::none;
        if (call)
            script.end(*call);
        return fail(judging, armed, excess, script.failure());
    }
    Verdict verdict = std::move(call->verdict);
    if (verdict.kind == Verdict::Kind::redirect) {
        const Point point = judging.subject.point;
        if (point != Point::in && (point != Point::delivered || verdict.to.domain() != host())) {
            script.end(*call);
            return fail(judging, armed, Excess::none,
                point == Point::delivered
                    ? "a stanza that is delivered is redirected within its host only"
                    : "redirect belongs into an .in or .delivered event");
        }
    }
    auto rewritten = call->take_rewritten();
    armed.record->note_call(verdict.kind, rewritten.has_value(), script.machine().was_slow());
    if (is_on_trial()) {
        tell_of(judging, script, *call, verdict, rewritten.has_value());
        script.end(*call);
        return false;
    }
    for (Stanza& stanza : call->sent)
        common_.context.host().route(std::move(stanza));
    script.end(*call);
    if (rewritten) {
        judging.rewritten = std::move(rewritten);
        judging.subject.stanza = &*judging.rewritten;
    }
    if (verdict.kind == Verdict::Kind::pass)
        return false;
    judging.verdict = std::move(verdict);
    return true;
}

bool Policies::fail(Judging& judging, Armed& armed, Excess excess, const std::string& text)
{
    Script& script = *armed.script;
    const bool rests = armed.record->note_failure(excess, text, now());
    if (is_on_trial()) {
        tell(judging, script, Told::remark, "failed: " + text);
        return false;
    }
    log(script, Log::Level::warn, "failed: " + text);
    if (rests)
        common_.context.log().error(
            "the script {} failed too often and rests for {} seconds; until then its stanzas {}",
            script.name(),
            std::chrono::duration_cast<std::chrono::seconds>(armed.record->rest(now())).count(),
            script.on_error() == OnError::refuse ? "are refused" : "pass");
    if (script.on_error() == OnError::pass)
        return false;
    judging.verdict = { .kind = Verdict::Kind::bounce,
        .error = { .condition = StanzaError::Condition::resource_constraint,
            .text = "a policy of this server is out of order; try again later" },
        .reason = text };
    return true;
}

Armed& Policies::armed_of(const Script& script)
{
    return *std::ranges::find_if(
        scripts_, [&](const Armed& armed) { return armed.script.get() == &script; });
}

void Policies::log(const Script& script, Log::Level level, std::string_view text)
{
    if (is_on_trial()) {
        observer_(Told::remark, script.name() + " logs: " + std::string(text));
        return;
    }
    Log& out = common_.context.log();
    if (!out.is_enabled(level))
        return;
    // While it loads it is not in the list yet.
    const auto found = std::ranges::find_if(
        scripts_, [&](const Armed& armed) { return armed.script.get() == &script; });
    const bool may = found == scripts_.end() ? ++loading_lines_ <= common_.log_lines
                                             : found->record->may_log(now(), common_.log_lines);
    if (!may)
        return;
    out.write(level, script.name() + ": " + std::string(text));
}

// ---- On trial ----

void Policies::tell_of(const Judging& judging, const Script& script, const Script::Call& call,
    const Verdict& verdict, bool is_rewritten)
{
    for (const Stanza& stanza : call.sent)
        tell(judging, script, Told::act,
            "send " + std::string(to_string(stanza.kind())) + " to "
                + std::string(stanza.to().text()));
    if (verdict.kind != Verdict::Kind::pass || is_rewritten)
        tell(judging, script, Told::act, describe(verdict, is_rewritten));
}

void Policies::tell(
    const Judging& judging, const Script& script, Told told, const std::string& what)
{
    const Subject& subject = judging.subject;
    std::string line = script.name() + ": ";
    if (subject.stanza) {
        const Stanza& stanza = *subject.stanza;
        line += to_string(stanza.kind());
        line += " from " + std::string(stanza.from().text());
        if (!stanza.to().empty())
            line += " to " + std::string(stanza.to().text());
    } else {
        line += event_name(subject.point, 0) + " of "
            + std::string(subject.jid.empty() ? subject.user : subject.jid);
    }
    observer_(told, line + ": " + what);
}

}
