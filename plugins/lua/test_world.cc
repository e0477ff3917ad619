#include "test_world.h"

namespace nuncio::lua {

namespace {

    // 2024-01-01T00:00Z, a Monday, as in the conversations.
    constexpr WallTime start = std::chrono::sys_days(std::chrono::January / 1 / 2024);

}

WallTime TestWorld::wall_time() const
{
    return start
        + std::chrono::duration_cast<std::chrono::milliseconds>(
            now_.time_since_epoch() - std::chrono::hours(1));
}

void TestWorld::log(const Script&, Log::Level, std::string_view text)
{
    if (lines_.size() < 100)
        lines_.emplace_back(text);
}

void TestWorld::start_timer(Script&, Duration delay, Duration period, int function)
{
    timers_.emplace(now_ + delay, std::pair(period, function));
}

Result<void> TestWorld::advance(Script& script, Duration by)
{
    const TimePoint until = now_ + by;
    while (!timers_.empty() && timers_.begin()->first <= until) {
        const auto [due, timer] = *timers_.begin();
        timers_.erase(timers_.begin());
        now_ = std::max(now_, due);
        if (timer.first > Duration::zero())
            timers_.emplace(now_ + timer.first, timer);
        Script::Progress progress {};
        Script::Call* const call = script.begin_function(timer.second, progress);
        if (call)
            script.end(*call);
        if (progress != Script::Progress::done)
            return Error { "a timer failed: " + script.failure() };
    }
    now_ = until;
    return {};
}

std::optional<Result<Value>> TestWorld::answer(const Request& request)
{
    auto& owned = store_[request.owner];
    switch (request.kind) {
    case Request::Kind::get: {
        const auto found = owned.find(request.key);
        return found == owned.end() ? Value() : found->second;
    }
    case Request::Kind::put:
        owned[request.key] = request.value;
        return Value(true);
    case Request::Kind::remove:
        owned.erase(request.key);
        return Value(true);
    case Request::Kind::list: {
        Value all = Value::Table();
        for (const auto& [key, value] : owned)
            all[key] = value;
        return all;
    }
    case Request::Kind::sleep:
        now_ += request.delay;
        return Value(true);
    case Request::Kind::call:
    case Request::Kind::command:
        return Error { "the test does not say what " + request.key + " answers: fake(\""
            + request.key + "\", function(…) … end)" };
    }
    return {};
}

Result<std::vector<TestOutcome>> run_tests(Script::Setup setup, const std::string& host)
{
    std::vector<TestOutcome> outcomes;
    setup.is_test = true;
    for (std::size_t i = 0;; ++i) {
        TestWorld world(host);
        setup.world = &world;
        auto script = Script::load(setup);
        if (!script)
            return script.error();
        if (i >= (*script)->tests().size())
            return outcomes;
        const Script::Test& test = (*script)->tests()[i];
        Script::Progress progress {};
        Script::Call* const call = (*script)->begin_function(test.function, progress);
        TestOutcome outcome { test.name, {}, std::move(world.lines()) };
        if (progress != Script::Progress::done)
            outcome.failure = (*script)->failure();
        if (call)
            (*script)->end(*call);
        outcomes.push_back(std::move(outcome));
    }
}

}
