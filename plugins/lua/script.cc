#include "script.h"

#include "convert.h"
#include "sandbox.h"
#include "test_world.h"

#include <nuncio/schema.h>

#include <algorithm>

namespace nuncio::lua {

namespace {

    // Loading and tests are the administrator's own doing and happen off the loops' hot path.
    constexpr std::int64_t loading_instructions = 5'000'000;
    constexpr Duration loading_time = 1s;

    constexpr const char* state_key = "nuncio"; ///< of the registry

    Budget loading_budget(Budget budget)
    {
        budget.instructions = std::max(budget.instructions, loading_instructions);
        budget.time = std::max(budget.time, loading_time);
        budget.slow = budget.time;
        return budget;
    }

}

Script::Script(const Setup& setup)
    : name_(setup.name)
    , machine_(loading_budget(setup.budget))
    , bounds_(setup.bounds)
    , world_(setup.world)
    , library_(setup.library)
    , is_test_(setup.is_test)
    , commands_(setup.commands)
    , given_(setup.options)
{
    machine_.set_owner(this);
}

Script::~Script() = default;

Result<std::unique_ptr<Script>> Script::load(const Setup& setup)
{
    std::unique_ptr<Script> made(new Script(setup));
    Library nothing({}, 0);
    if (!made->library_)
        made->library_ = &nothing;
    if (auto opened = made->open(setup.text); !opened)
        return opened.error();
    if (auto checked = made->check_options(); !checked)
        return checked.error();
    made->library_ = nullptr;
    made->given_ = nullptr;
    std::ranges::stable_sort(made->handlers_, std::greater(), &Handler::priority);
    if (!setup.is_test)
        made->machine_.set_budget(setup.budget);
    return made;
}

Result<void> Script::open(const std::string& text)
{
    const auto libraries = [](lua_State* state, void*) {
        open_sandbox(state);
        open_stanza(state);
        open_events(state);
        open_api(state);
        if (Script::of(state).is_test())
            open_test_api(state);
        lua_getglobal(state, "nuncio");
        lua_setfield(state, LUA_REGISTRYINDEX, state_key);
    };
    if (!machine_.protect(libraries, nullptr))
        return Error { name_ + ": " + machine_.failure() };
    Call* const call = take_call();
    if (!compile(call->thread, text, name_ + ".lua")) {
        const char* const why = lua_tostring(call->thread, -1);
        return Error { why ? why : "it cannot be compiled" };
    }
    const Progress progress = run(*call, 0);
    free(*call);
    if (progress == Progress::failed)
        return Error { failure_.starts_with(name_) ? failure_ : name_ + ".lua: " + failure_ };
    if (progress == Progress::waits)
        return Error { name_ + ".lua: a script cannot wait while it loads" };
    return {};
}

bool Script::may_command(std::string_view command) const
{
    return is_test_ || std::ranges::find(commands_, command) != commands_.end();
}

Result<void> Script::check_options() const
{
    if (!given_)
        return {};
    for (const auto& [key, value] : given_->as_table()) {
        if (key == "script" || key == "commands"
            || std::ranges::find(options_, key, &ScriptOption::name) != options_.end())
            continue;
        std::vector<std::string_view> known;
        for (const ScriptOption& option : options_)
            known.push_back(option.name);
        const auto near = nearest(key, known);
        const std::string place = value.key_place().text();
        return Error { (place.empty() ? "" : place + ": ") + "the script " + name_
            + " has no option \"" + key + '"'
            + (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?") };
    }
    return {};
}

Value Script::configured(const ScriptOption& option)
{
    options_.push_back(option);
    // These two are the plugin's own.
    const bool is_free = option.name != "script" && option.name != "commands";
    const Value* const found = given_ && is_free ? given_->find(option.name) : nullptr;
    return found ? *found : Value();
}

void Script::declare(std::string summary, OnError on_error)
{
    summary_ = std::move(summary);
    on_error_ = on_error;
}

Script::Call* Script::take_call()
{
    if (idle_.empty()) {
        auto made = std::make_unique<Call>();
        const auto prepare = [](lua_State* state, void* with) {
            auto& call = *static_cast<Call*>(with);
            call.thread = lua_newthread(state);
            call.references[0] = luaL_ref(state, LUA_REGISTRYINDEX);
            call.box = &push_box(state);
            call.references[1] = luaL_ref(state, LUA_REGISTRYINDEX);
            push_event(state, call);
            call.references[2] = luaL_ref(state, LUA_REGISTRYINDEX);
        };
        if (!machine_.protect(prepare, made.get())) {
            failure_ = machine_.failure();
            return nullptr; // what was referenced ends with the state
        }
        idle_.push_back(made.get());
        calls_.push_back(std::move(made));
    }
    Call* const call = idle_.back();
    idle_.pop_back();
    return call;
}

Script::Call* Script::begin(const Handler& handler, const Subject& subject, Progress& progress)
{
    progress = Progress::failed;
    Call* const call = take_call();
    if (!call)
        return nullptr;
    call->subject = subject;
    lua_State* const thread = call->thread;
    lua_rawgeti(thread, LUA_REGISTRYINDEX, handler.function);
    int arguments = 0;
    if (subject.stanza) {
        call->box->borrow(*subject.stanza);
        lua_rawgeti(thread, LUA_REGISTRYINDEX, call->references[1]);
        ++arguments;
    }
    lua_rawgeti(thread, LUA_REGISTRYINDEX, call->references[2]);
    progress = run(*call, arguments + 1);
    return call;
}

Script::Call* Script::begin_function(int function, Progress& progress)
{
    progress = Progress::failed;
    Call* const call = take_call();
    if (!call)
        return nullptr;
    lua_rawgeti(call->thread, LUA_REGISTRYINDEX, function);
    progress = run(*call, 0);
    return call;
}

Script::Progress Script::resume(Call& call, const Result<Value>& answer)
{
    struct Pushed {
        lua_State* thread;
        const Result<Value>& answer;
        int count;
    } pushed { call.thread, answer, 0 };
    const auto push = [](lua_State*, void* with) {
        auto& to = *static_cast<Pushed*>(with);
        if (to.answer) {
            push_plain(to.thread, *to.answer);
            to.count = 1;
            return;
        }
        lua_pushnil(to.thread);
        lua_pushlstring(to.thread, to.answer.error().text.data(), to.answer.error().text.size());
        to.count = 2;
    };
    call.request.reset();
    if (!machine_.protect(push, &pushed)) {
        failure_ = machine_.failure();
        return Progress::failed;
    }
    return run(call, pushed.count);
}

Script::Progress Script::run(Call& call, int arguments)
{
    int results = 0;
    Call* const before = std::exchange(current_, &call);
    const auto outcome = machine_.run(call.thread, arguments, results);
    current_ = before;
    if (outcome == Machine::Outcome::failed) {
        failure_ = machine_.failure();
        return Progress::failed;
    }
    if (outcome == Machine::Outcome::waits) {
        lua_pop(call.thread, results);
        return Progress::waits;
    }
    const bool is_verdict = results >= 1 && lua_islightuserdata(call.thread, -results)
        && lua_touserdata(call.thread, -results) == verdict_mark();
    const bool is_nothing = results == 0 || lua_isnil(call.thread, -results);
    lua_settop(call.thread, 0);
    if (!is_verdict)
        call.verdict = {};
    if (is_verdict || is_nothing)
        return Progress::done;
    failure_ = "a handler answers nothing or a verdict: return pass(), drop(), bounce(…), …";
    return Progress::failed;
}

void Script::forget_function(int function)
{
    luaL_unref(machine_.state(), LUA_REGISTRYINDEX, function);
    --timers;
}

void Script::end(Call& call)
{
    free(call);
}

void Script::free(Call& call)
{
    if (lua_status(call.thread) != LUA_OK || lua_gettop(call.thread) != 0)
        lua_resetthread(call.thread);
    lua_settop(call.thread, 0);
    if (!call.box->is_empty())
        call.box->release();
    if (call.verdict.kind != Verdict::Kind::pass)
        call.verdict = {};
    call.subject = {};
    call.sent.clear();
    call.request.reset();
    call.waits = 0;
    idle_.push_back(&call);
}

Value Script::save_state()
{
    Value saved;
    const auto save = [](lua_State* state, void* to) {
        lua_getfield(state, LUA_REGISTRYINDEX, state_key);
        lua_pushliteral(state, "state");
        lua_rawget(state, -2);
        *static_cast<Value*>(to) = check_plain(state, -1);
    };
    const Budget budget = machine_.budget();
    machine_.set_budget(loading_budget(budget));
    if (!machine_.protect(save, &saved))
        world_->log(
            *this, Log::Level::warn, "nuncio.state is not carried over: " + machine_.failure());
    machine_.set_budget(budget);
    return saved;
}

void Script::restore_state(const Value& saved)
{
    const auto restore = [](lua_State* state, void* from) {
        lua_getfield(state, LUA_REGISTRYINDEX, state_key);
        push_plain(state, *static_cast<const Value*>(from));
        if (lua_istable(state, -1))
            lua_setfield(state, -2, "state");
    };
    if (!machine_.protect(restore, const_cast<Value*>(&saved)))
        world_->log(
            *this, Log::Level::warn, "nuncio.state is not carried over: " + machine_.failure());
}

}
