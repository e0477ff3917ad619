// What takes a while, from the loop's side: requests, their answers, timers.
#include "policies.h"

#include <nuncio/script.h>

namespace nuncio::lua {

/// One request under way: its answer or the end of patience, whichever is first. One loop's.
struct Answering {
    Completion<Result<Value>> answer;
    bool is_given = false;

    void give(Result<Value> value)
    {
        if (!std::exchange(is_given, true))
            answer.resolve(std::move(value));
    }
};

void Policies::hold(Judging& judging, const Stanza* stanza)
{
    Subject& subject = judging.subject;
    std::string_view* const views[]
        = { &subject.jid, &subject.user, &subject.address, &subject.mechanism };
    for (std::size_t i = 0; i < std::size(views); ++i) {
        judging.kept[i] = std::string(*views[i]);
        *views[i] = judging.kept[i];
    }
    if (subject.form && subject.form.node() != judging.form.ref().node()) {
        judging.form = Element(subject.form);
        subject.form = judging.form;
    }
    subject.stanza = stanza;
    judging.waiting->follow(subject);
}

task<void> Policies::finish(Judging& judging)
{
    const auto keep = shared_from_this(); // a reload may come while it waits
    for (;;) {
        Script::Call* const call = std::exchange(judging.waiting, nullptr);
        const List& places = list(judging.subject.point, judging.stage);
        Armed& armed = scripts_[places[judging.next - 1].script];
        Script::Progress progress = Script::Progress::waits;
        const TimePoint deadline = now() + common_.await_time;
        while (progress == Script::Progress::waits) {
            auto answering = std::make_shared<Answering>(); // shared: with what may come too late
            const Timer patience
                = loop_.after(std::max(deadline - now(), Duration::zero()), [answering] {
                      answering->give(Error {
                          "it waited longer than it may (option await_time)", Error::Kind::limit });
                  });
            common_.context.spawn(race(answering, *call->request));
            const Result<Value> answer = co_await answering->answer;
            progress = now() >= deadline
                ? armed.script->give_up("it waited longer than it may (option await_time)")
                : armed.script->resume(*call, answer);
        }
        if (conclude(judging, armed, call, progress))
            co_return;
        if (judge(judging))
            co_return;
        hold(judging, judging.subject.stanza);
    }
}

task<void> Policies::race(std::shared_ptr<Answering> answering, Request request)
{
    answering->give(co_await answer_to(std::move(request)));
}

task<Result<Value>> Policies::answer_to(Request request)
{
    const Store& store = common_.store;
    switch (request.kind) {
    case Request::Kind::sleep:
        co_await sleep_for(request.delay);
        co_return Value(true);
    case Request::Kind::get: {
        const auto found = co_await store.get(std::move(request.owner), std::move(request.key));
        if (!found)
            co_return found.error();
        if (!*found)
            co_return Value();
        co_return Value::parse_json(**found);
    }
    case Request::Kind::put: {
        if (is_on_trial())
            co_return Value(true);
        const auto done = co_await store.put(
            std::move(request.owner), std::move(request.key), request.value.json());
        if (!done)
            co_return done.error();
        co_return Value(true);
    }
    case Request::Kind::remove: {
        if (is_on_trial())
            co_return Value(true);
        const auto done = co_await store.remove(std::move(request.owner), std::move(request.key));
        if (!done)
            co_return done.error();
        co_return Value(true);
    }
    case Request::Kind::list: {
        const auto rows = co_await store.list(std::move(request.owner));
        if (!rows)
            co_return rows.error();
        Value all = Value::Table();
        for (const StorageRow& row : *rows)
            if (auto value = Value::parse_json(row.value))
                all[row.key] = std::move(*value);
        co_return all;
    }
    case Request::Kind::command: {
        if (is_on_trial())
            co_return Value(Value::Table());
        std::string name = request.value.as_array()[0].as_string();
        Value arguments = request.value.as_array()[1];
        auto called = common_.context.commands().call(
            std::move(name), std::move(arguments), std::move(request.owner));
        co_return co_await called;
    }
    case Request::Kind::call: {
        Completion<Result<Value>> answer;
        ScriptCall call { request.key, request.value.as_array(), answer };
        if (common_.context.emit(call) == Flow::next)
            co_return Error { "no plugin offers the function " + request.key + " any more",
                Error::Kind::not_found };
        co_return co_await answer;
    }
    }
    co_return Value();
}

bool Policies::has_function(std::string_view name)
{
    std::vector<ScriptFunction> functions;
    ScriptFunctions event { name, functions };
    common_.context.emit(event);
    return !functions.empty();
}

// ---- Timers ----

void Policies::start_timer(Script& script, Duration delay, Duration period, int function)
{
    // A script that is loading is about to be added behind the others. What it repeats from the
    // start, it repeats once for the host and not once for each loop.
    const bool is_loading = script.is_loading();
    Host& at = common_.context.host();
    if (is_loading && &at.home(at.jid()) != &loop_)
        return;
    const std::size_t index
        = is_loading ? scripts_.size() : std::size_t(&armed_of(script) - scripts_.data());
    timers_.emplace(now() + delay, TimerEntry { index, period, function });
    common_.timers.fetch_add(1, std::memory_order_relaxed);
}

void Policies::run_due()
{
    while (!timers_.empty() && timers_.begin()->first <= now()) {
        const TimerEntry timer = timers_.begin()->second;
        const TimePoint due = timers_.begin()->first;
        timers_.erase(timers_.begin());
        const bool repeats = timer.period > Duration::zero();
        if (repeats) // what was missed is not made up for
            timers_.emplace(std::max(due + timer.period, now()), timer);
        else
            common_.timers.fetch_sub(1, std::memory_order_relaxed);
        common_.context.spawn(run_timer(timer.script, timer.function, repeats));
    }
}

task<void> Policies::run_timer(std::size_t index, int function, bool repeats)
{
    const auto keep = shared_from_this();
    Armed& armed = scripts_[index];
    if (armed.record->is_resting(now()))
        co_return;
    Judging judging { .subject = { .point = Point::session_close, .user = "a timer" } };
    Script::Progress progress {};
    Script::Call* const call = armed.script->begin_function(function, progress);
    while (progress == Script::Progress::waits) {
        const Result<Value> answer = co_await answer_to(*call->request);
        progress = armed.script->resume(*call, answer);
    }
    conclude(judging, armed, call, progress);
    if (!repeats)
        armed.script->forget_function(function);
}

}
