// One Lua state and the meter that nothing inside it can stop.
#pragma once

#include "budget.h"

#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <string>

namespace nuncio::lua {

/// A state with an allocator that counts and a hook that counts. Starts without any library. Used
/// by one thread at a time; which one does not matter.
///
/// Once a bound is passed the machine is *spent*: every instruction and every guarded function
/// raises, so that no pcall, coroutine or metamethod of the script goes on, until the slice has
/// unwound to whoever began it.
class Machine {
public:
    explicit Machine(const Budget& budget);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// The machine that `state`, or any coroutine of it, belongs to.
    static Machine& of(lua_State* state)
    {
        return **static_cast<Machine**>(lua_getextraspace(state));
    }

    /// Whoever the machine belongs to, for functions that only have the state.
    void* owner() const { return owner_; }
    void set_owner(void* owner) { owner_ = owner; }

    lua_State* state() { return state_; }
    const Budget& budget() const { return budget_; }
    void set_budget(const Budget& budget) { budget_ = budget; }

    /// What a slice came to.
    enum class Outcome { done, waits, failed };
    /// Begins a slice: runs or resumes `thread` with `arguments` values on its stack. Its results,
    /// what it yielded, or nothing are on the stack then. The text of a failure is in failure().
    Outcome run(lua_State* thread, int arguments, int& results);
    /// Runs C++ code that uses the state outside of a slice (building tables may run out of memory
    /// and then raises); false and failure() then.
    bool protect(void (*code)(lua_State*, void*), void* with);

    const std::string& failure() const { return failure_; }
    /// Of the last slice.
    Excess excess() const { return last_excess_; }
    bool was_slow() const { return was_slow_; }
    std::int64_t used_instructions() const { return budget_.instructions - fuel_; }
    std::size_t used_memory() const { return used_; }

    /// From guarded functions: work worth so many instructions is about to be done, or was done.
    /// Raises when that is too much.
    void charge(lua_State* state, std::int64_t instructions)
    {
        if (!pay(instructions)) [[unlikely]]
            raise(state);
    }
    /// The same for code that must unwind by itself: false when that was too much.
    bool pay(std::int64_t instructions)
    {
        fuel_ -= instructions;
        unchecked_ += instructions;
        if (fuel_ < 0 || unchecked_ >= between_checks)
            check();
        return excess_ == Excess::none;
    }
    /// Raises when the machine is spent: for functions that catch what scripts raise.
    void refuse_if_spent(lua_State* state)
    {
        if (excess_ != Excess::none)
            raise(state);
    }
    /// Memory that userdata hold beside the state.
    void add_outside(std::ptrdiff_t bytes);
    /// The machine is spent for a reason that a status tells (out of memory).
    void note_status(int status)
    {
        if (status == LUA_ERRMEM)
            trip(Excess::memory);
    }
    /// The thread that `run` was given, on which alone a script may wait.
    bool is_outermost(lua_State* thread) const { return thread == outermost_; }
    /// A coroutine of the script is entered; answers the one that ran before, for `leave`.
    lua_State* enter(lua_State* coroutine);
    void leave(lua_State* before) { running_ = before; }

private:
    static constexpr int granularity = 100; ///< instructions between two calls of the hook
    static constexpr std::int64_t between_checks
        = 1000; ///< instructions between looks at the clock

    static void* allocate(void* machine, void* block, std::size_t old, std::size_t wanted);
    static void count_hook(lua_State* state, lua_Debug*);
    static int take_failure(lua_State* state);

    bool has_room(std::size_t more);
    /// Who ran before this slice began: nobody, or the code of a test that calls a handler.
    struct Slice {
        lua_State* running;
        lua_State* outermost;
    };
    Slice begin(lua_State* thread);
    void arm(lua_State* thread);
    void check();
    void check_clock();
    void trip(Excess excess);
    [[noreturn]] void raise(lua_State* state);
    void end(int status, lua_State* thread, Slice outer);

    Budget budget_;
    void* owner_ = nullptr;
    lua_State* state_ = nullptr;
    lua_State* running_ = nullptr; ///< the innermost coroutine of the present slice
    lua_State* outermost_ = nullptr;
    std::int64_t fuel_ = 0;
    std::int64_t unchecked_ = 0;
    std::size_t used_ = 0;
    std::int64_t began_ = 0; ///< nanoseconds; 0: the clock was not looked at yet
    std::int64_t cpu_began_ = 0;
    Excess excess_ = Excess::none;
    Excess last_excess_ = Excess::none;
    bool was_slow_ = false;
    bool has_collected_ = false; ///< the one full collection that a slice may cause
    bool is_limited_ = false;
    std::string failure_;
};

}
