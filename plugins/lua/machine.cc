#include "machine.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <new>
#include <utility>

namespace nuncio::lua {

namespace {

    std::int64_t clock_now(clockid_t clock)
    {
        timespec now {};
        clock_gettime(clock, &now);
        return now.tv_sec * 1'000'000'000 + now.tv_nsec;
    }

    constexpr const char* spent_text = "the script was stopped";

}

Machine::Machine(const Budget& budget)
    : budget_(budget)
{
    state_ = lua_newstate(allocate, this);
    if (!state_)
        throw std::bad_alloc();
    *static_cast<Machine**>(lua_getextraspace(state_)) = this;
    // Raising must not allocate: the text is there before.
    lua_pushstring(state_, spent_text);
    lua_rawsetp(state_, LUA_REGISTRYINDEX, spent_text);
    is_limited_ = true;
}

Machine::~Machine()
{
    is_limited_ = false;
    lua_close(state_);
}

void* Machine::allocate(void* self, void* block, std::size_t old, std::size_t wanted)
{
    auto& machine = *static_cast<Machine*>(self);
    const std::size_t before = block ? old : 0; // otherwise `old` is the kind of object
    if (wanted == 0) {
        machine.used_ -= before;
        std::free(block);
        return nullptr;
    }
    if (wanted > before && !machine.has_room(wanted - before))
        return nullptr;
    void* const moved = std::realloc(block, wanted);
    if (moved)
        machine.used_ += wanted - before;
    return moved;
}

bool Machine::has_room(std::size_t more)
{
    const std::size_t wanted = used_ + more;
    if (wanted <= budget_.memory || !is_limited_)
        return true;
    // Refusing once makes Lua collect all its garbage and ask again. Just below the limit every
    // allocation would do that, so the second time in a slice is one too many.
    if (!std::exchange(has_collected_, true))
        return false;
    trip(Excess::memory);
    // A little more is granted, so that a script just above the limit ends at its next instruction
    // and not in one collection after the other.
    return wanted <= budget_.memory + budget_.memory / 8;
}

void Machine::add_outside(std::ptrdiff_t bytes)
{
    used_ += static_cast<std::size_t>(bytes);
    if (bytes <= 0 || used_ <= budget_.memory || !is_limited_)
        return;
    if (!std::exchange(has_collected_, true))
        lua_gc(state_, LUA_GCCOLLECT, 0);
    if (used_ > budget_.memory)
        trip(Excess::memory);
}

void Machine::trip(Excess excess)
{
    if (excess_ == Excess::none)
        excess_ = excess;
    if (running_)
        lua_sethook(running_, count_hook, LUA_MASKCOUNT, 1); // may be called at any time
}

void Machine::raise(lua_State* state)
{
    lua_sethook(state, count_hook, LUA_MASKCOUNT, 1);
    lua_rawgetp(state, LUA_REGISTRYINDEX, spent_text);
    lua_error(state);
    std::abort(); // never reached: lua_error does not return
}

void Machine::arm(lua_State* thread)
{
    // The hook runs before the instruction at which its count is full.
    const std::int64_t left = fuel_ + 1;
    lua_sethook(thread, count_hook, LUA_MASKCOUNT,
        left < granularity ? static_cast<int>(left) : granularity);
}

void Machine::count_hook(lua_State* state, lua_Debug*)
{
    Machine& machine = of(state);
    if (machine.excess_ == Excess::none) {
        const int counted = lua_gethookcount(state);
        machine.fuel_ -= counted;
        machine.unchecked_ += counted;
        if (machine.fuel_ < 0 || machine.unchecked_ >= between_checks)
            machine.check();
        if (machine.excess_ == Excess::none) {
            if (machine.fuel_ < granularity)
                machine.arm(state);
            return;
        }
    }
    machine.raise(state);
}

void Machine::check()
{
    unchecked_ = 0;
    if (fuel_ < 0)
        trip(Excess::instructions);
    check_clock();
}

void Machine::check_clock()
{
    const std::int64_t now = clock_now(CLOCK_MONOTONIC);
    if (began_ == 0) {
        // Most slices end before the first look, and so pay for no clock at all.
        began_ = now;
        cpu_began_ = clock_now(CLOCK_THREAD_CPUTIME_ID);
        return;
    }
    if (now - began_ <= budget_.slow.count())
        return;
    // A thread that had to wait for its processor is not the script's fault.
    const std::int64_t spent = clock_now(CLOCK_THREAD_CPUTIME_ID) - cpu_began_;
    was_slow_ = was_slow_ || spent > budget_.slow.count();
    if (spent > budget_.time.count())
        trip(Excess::time);
}

lua_State* Machine::enter(lua_State* coroutine)
{
    // Its instructions until the first call of its own hook would be free otherwise.
    charge(running_ ? running_ : coroutine, granularity);
    arm(coroutine);
    return std::exchange(running_, coroutine);
}

Machine::Slice Machine::begin(lua_State* thread)
{
    const Slice outer { running_, outermost_ };
    if (!running_) {
        fuel_ = budget_.instructions;
        unchecked_ = 0;
        began_ = 0;
        excess_ = last_excess_ = Excess::none;
        was_slow_ = false;
        has_collected_ = false;
    }
    running_ = outermost_ = thread;
    arm(thread);
    return outer;
}

void Machine::end(int status, lua_State* thread, Slice outer)
{
    note_status(status);
    running_ = outer.running;
    outermost_ = outer.outermost;
    // A slice inside of another shares its budget: when that is spent, so is the outer one.
    last_excess_ = excess_;
    if (!running_)
        excess_ = Excess::none;
    if (status != LUA_OK && status != LUA_YIELD) {
        std::size_t size = 0;
        const char* const text
            = lua_type(thread, -1) == LUA_TSTRING ? lua_tolstring(thread, -1, &size) : nullptr;
        failure_ = text ? std::string(text, std::min<std::size_t>(size, 500))
                        : std::string("it raised something that is no text");
    }
    if (last_excess_ != Excess::none)
        failure_ = to_string(last_excess_);
    if (last_excess_ == Excess::memory && !running_)
        lua_gc(state_, LUA_GCCOLLECT, 0);
}

Machine::Outcome Machine::run(lua_State* thread, int arguments, int& results)
{
    const Slice outer = begin(thread);
    results = 0;
    const int status = lua_resume(thread, outer.running, arguments, &results);
    end(status, thread, outer);
    if (last_excess_ != Excess::none || (status != LUA_OK && status != LUA_YIELD))
        return Outcome::failed;
    return status == LUA_OK ? Outcome::done : Outcome::waits;
}

namespace {

    struct Protected {
        void (*code)(lua_State*, void*);
        void* with;
    };

    int run_protected(lua_State* state)
    {
        const auto* job = static_cast<Protected*>(lua_touserdata(state, 1));
        lua_settop(state, 0);
        job->code(state, job->with);
        return 0;
    }

}

bool Machine::protect(void (*code)(lua_State*, void*), void* with)
{
    Protected job { code, with };
    const Slice outer = begin(state_);
    lua_pushcfunction(state_, run_protected);
    lua_pushlightuserdata(state_, &job);
    const int status = lua_pcall(state_, 1, 0, 0);
    end(status, state_, outer);
    if (status != LUA_OK)
        lua_pop(state_, 1);
    return status == LUA_OK && last_excess_ == Excess::none;
}

}
