#include "machine.h"
#include "sandbox.h"

#include <chrono>
#include <doctest/doctest.h>
#include <string>

using namespace nuncio;
using namespace nuncio::lua;

namespace {

/// A machine with the sandbox that runs one text after the other.
struct Trial {
    // Time is plenty unless a test is about time: under a sanitizer everything is slow.
    explicit Trial(Budget budget = { .slow = 60s, .time = 60s })
        : machine(budget)
    {
        REQUIRE(machine.protect([](lua_State* state, void*) { open_sandbox(state); }, nullptr));
    }

    /// What the text returns as text, or "failed: …".
    std::string run(const std::string& source)
    {
        lua_State* const state = machine.state();
        lua_settop(state, 0);
        lua_State* const thread = lua_newthread(state);
        if (!compile(thread, source, "trial"))
            return std::string("refused: ") + lua_tostring(thread, -1);
        int results = 0;
        const auto outcome = machine.run(thread, 0, results);
        if (outcome == Machine::Outcome::failed)
            return "failed: " + machine.failure();
        if (outcome == Machine::Outcome::waits)
            return "waits";
        return results > 0 ? luaL_tolstring(thread, -results, nullptr) : "nothing";
    }

    Machine machine;
};

const std::string too_long = "failed: it used more instructions than it may";
const std::string too_slow = "failed: it took longer than it may";
const std::string too_big = "failed: it needed more memory than it may";

}

TEST_CASE("nothing that reaches out of the sandbox is there")
{
    Trial trial;
    for (const char* name : { "io", "os", "debug", "package", "load", "loadstring", "loadfile",
             "dofile", "collectgarbage", "require", "string.dump", "string.pack", "math.randomseed",
             "coroutine.close", "coroutine.running" }) {
        CAPTURE(name);
        CHECK(trial.run("return tostring(" + std::string(name) + ")") == "nil");
    }
}

TEST_CASE("bytecode is refused")
{
    Trial trial;
    CHECK(trial.run(std::string("\x1bLua\x54\x00", 6)).starts_with("refused: "));
}

TEST_CASE("the metatable of texts is out of reach, and addresses are not told")
{
    Trial trial;
    CHECK(trial.run("return tostring(getmetatable(''))") == "nil");
    CHECK(trial.run("return ('ABC'):lower()") == "abc");
    CHECK(trial.run("return pcall(setmetatable, '', {})") == "false");
    CHECK(trial.run("return tostring({})") == "table");
    CHECK(trial.run("return tostring(print or next)") == "function");
    CHECK(trial.run("return string.format('%s', {})") == "table");
    CHECK(trial.run("return pcall(string.format, '%p', {})") == "false");
    CHECK(trial.run("return '10' + 5") == "15");
}

TEST_CASE("metatables work, but have no __gc, __mode and __close, not even later")
{
    Trial trial;
    CHECK(trial.run("return setmetatable({}, {__index = function(_, k) return k .. '!' end}).a")
        == "a!");
    CHECK(trial.run("local mt = {}; return tostring(getmetatable(setmetatable({}, mt)) == mt)")
        == "true");
    CHECK(trial.run("return pcall(setmetatable, setmetatable({}, {__metatable = 1}), {})")
        == "false");
    for (const char* event : { "__gc", "__mode", "__close" }) {
        CAPTURE(event);
        CHECK(trial.run("return pcall(setmetatable, {}, {" + std::string(event) + " = 'k'})")
            == "false");
    }
    CHECK(trial.run("local mt = {}; local t = setmetatable({}, mt); mt.__close = function() end\n"
                    "local ok = pcall(function() local x <close> = t end); return tostring(ok)")
        == "false");
}

TEST_CASE("an endless loop ends, whatever catches the error")
{
    Trial trial;
    CHECK(trial.run("while true do end") == too_long);
    CHECK(trial.run("while true do pcall(function() while true do end end) end") == too_long);
    CHECK(trial.run("pcall(function() while true do end end) return 1") == too_long);
    CHECK(trial.run("while true do xpcall(function() while true do end end, function() "
                    "while true do end end) end")
        == too_long);
    CHECK(trial.run("xpcall(function() while true do end end, function() return 1 end) return 2")
        == too_long);
    CHECK(trial.run("local t = setmetatable({}, {__index = function() while true do end end})\n"
                    "while true do pcall(function() return t.x end) end")
        == too_long);
    CHECK(trial.run("local function f() return pcall(f) end f() return 'ended'") == "ended");
    CHECK(trial.run("return 'alive'") == "alive");
}

TEST_CASE("an endless loop ends in coroutines, too")
{
    Trial trial;
    CHECK(trial.run("while true do coroutine.wrap(function() while true do end end)() end")
        == too_long);
    CHECK(trial.run("while true do coroutine.resume(coroutine.create(function() "
                    "while true do end end)) end")
        == too_long);
    CHECK(trial.run("while true do coroutine.wrap(function() end)() end") == too_long);
    // Each runs for less than the hook's count, and starts several more.
    CHECK(trial.run("local function f(depth)\n"
                    "  for _ = 1, 8 do if depth < 150 then coroutine.wrap(f)(depth + 1) end end\n"
                    "end f(1)")
        == too_long);
    CHECK(trial.run("coroutine.yield(1)").starts_with("failed: "));
}

TEST_CASE("the budget of instructions is exact")
{
    const std::string source = "local n = 0 for i = 1, 1000 do n = n + i end return n";
    std::int64_t least = 0;
    for (std::int64_t low = 1, high = 200'000; low <= high;) {
        const std::int64_t budget = (low + high) / 2;
        if (Trial({ .instructions = budget, .time = 60s }).run(source) == "500500") {
            least = budget;
            high = budget - 1;
        } else {
            low = budget + 1;
        }
    }
    CHECK(least > 2000);
    CHECK(least < 10'000);
    CHECK(Trial({ .instructions = least, .time = 60s }).run(source) == "500500");
    CHECK(Trial({ .instructions = least - 1, .time = 60s }).run(source) == too_long);
}

TEST_CASE("a memory bomb ends, and what it had is given back")
{
    Trial trial;
    const std::size_t before = trial.machine.used_memory();
    for (const char* bomb : { "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
             "local s = 'x' while true do s = s .. s end",
             "local t = {} while true do pcall(function() t[#t + 1] = {t} end) end",
             "local t = {} for i = 1, 1e9 do t = {t} end",
             "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
             "return pcall(function() local s = 'x' while true do s = s .. s end end)" }) {
        CAPTURE(bomb);
        const std::string answer = trial.run(bomb);
        CHECK((answer == too_big || answer == too_long || answer == too_slow));
        CHECK(trial.machine.used_memory() < trial.machine.budget().memory * 9 / 8 + 1);
    }
    CHECK(trial.run("return pcall(string.rep, 'x', 1e9)") == "false");
    CHECK(trial.run("return 'alive'") == "alive");
    lua_settop(trial.machine.state(), 0);
    lua_gc(trial.machine.state(), LUA_GCCOLLECT, 0);
    CHECK(trial.machine.used_memory() < before + 20'000);
}

TEST_CASE("memory is granted up to the limit")
{
    const auto keep = [](std::size_t kibibytes) {
        return "local t = {} for i = 1, " + std::to_string(kibibytes)
            + " do t[i] = ('x'):rep(1000) .. i end return #t";
    };
    Trial trial({ .instructions = 1'000'000, .time = 60s, .memory = 1'048'576 });
    CHECK(trial.run(keep(800)) == "800");
    CHECK(trial.run(keep(1100)) == too_big);
}

TEST_CASE("patterns that take for ever end")
{
    Trial trial;
    std::string bomb;
    for (int i = 0; i < 27; ++i)
        bomb += "a?";
    const std::string subject = "('a'):rep(27)";
    bomb += std::string(27, 'a');
    for (const char* call : { "find", "match", "gsub" }) {
        const std::string last = call == std::string("gsub") ? ", ''" : "";
        CAPTURE(call);
        CHECK(trial.run("return string." + std::string(call) + "(" + subject + ", '" + bomb + "b'"
                  + last + ")")
            == too_long);
        CHECK(trial.run("while true do pcall(string." + std::string(call) + ", " + subject + ", '"
                  + bomb + "b'" + last + ") end")
            == too_long);
    }
    CHECK(trial.run("for _ in (" + subject + "):gmatch('" + bomb + "b') do end") == too_long);
    CHECK(trial.run("return ('x'):rep(20000):find('.-.-.-.-b')") == too_long);
    CHECK(trial.run("return ('x'):rep(3000):match(('('):rep(40))").starts_with("failed: "));
}

TEST_CASE("table functions cannot be made to run for ever")
{
    Trial trial;
    CHECK(trial.run("return table.concat(setmetatable({}, {__index = type}), '', 1, 1e7)")
              .starts_with("failed: "));
    CHECK(trial.run("table.move(setmetatable({}, {__index = type}), 1, 1e7, 1, "
                    "setmetatable({}, {__newindex = type}))")
        == too_long);
    CHECK(trial.run("return select('#', table.unpack({}, 1, 1e7))").starts_with("failed: "));
    CHECK(trial.run("local t = {} for i = 1, 5000 do t[i] = i end\n"
                    "while true do table.sort(t, rawequal) end")
        == too_long);
    CHECK(trial.run("local t = {} for i = 1, 5000 do t[i] = i end\n"
                    "for i = 1, 5000 do t[i] = nil end while next(t) == nil do end")
        == too_long);
}

TEST_CASE("the clock ends what counts few instructions")
{
    // Each concatenation copies a mebibyte and is one instruction.
    Trial trial({ .instructions = 1'000'000'000, .time = 20ms, .memory = 64 * 1024 * 1024 });
    const auto began = std::chrono::steady_clock::now();
    CHECK(trial.run("local s = ('x'):rep(1000000) local t while true do t = s .. 'y' end")
        == too_slow);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
    CHECK(trial.machine.was_slow());
}

TEST_CASE("ten thousand errors leave nothing behind")
{
    Trial trial;
    trial.run("error('x')");
    lua_settop(trial.machine.state(), 0);
    lua_gc(trial.machine.state(), LUA_GCCOLLECT, 0);
    const std::size_t before = trial.machine.used_memory();
    for (int i = 0; i < 10'000; ++i)
        REQUIRE(trial.run("error({})") == "failed: it raised something that is no text");
    CHECK(trial.run("error('told')") == "failed: trial:1: told");
    lua_settop(trial.machine.state(), 0);
    lua_gc(trial.machine.state(), LUA_GCCOLLECT, 0);
    CHECK(trial.machine.used_memory() < before + 10'000);
}
