#include "machine.h"
#include "sandbox.h"

#include <doctest/doctest.h>
#include <string>

using namespace nuncio::lua;

namespace {

/// What the functions answer, joined with blanks.
std::string answer(const std::string& expression)
{
    Machine machine { {} };
    REQUIRE(machine.protect([](lua_State* state, void*) { open_sandbox(state); }, nullptr));
    lua_State* const thread = lua_newthread(machine.state());
    REQUIRE(compile(thread,
        "local all = table.pack(" + expression
            + ") for i = 1, all.n do all[i] = tostring(all[i]) end return table.concat(all, ' ')",
        "t"));
    int results = 0;
    if (machine.run(thread, 0, results) != Machine::Outcome::done)
        return machine.failure();
    return lua_tostring(thread, -1);
}

}

TEST_CASE("the reference manual's examples")
{
    CHECK(answer("string.find('hello Lua user', 'Lua')") == "7 9");
    CHECK(answer("string.find('hello Lua user', 'banana')") == "nil");
    CHECK(answer("string.find('hello', 'l+')") == "3 4");
    CHECK(answer("string.find('a.b', '.', 1, true)") == "2 2");
    CHECK(answer("string.match('key = value', '^(%w+)%s*=%s*(%w+)$')") == "key value");
    CHECK(answer("string.match('2026-11-22', '(%d+)-(%d+)-(%d+)')") == "2026 11 22");
    CHECK(answer("string.gsub('hello world', '(%w+)', '%1 %1')") == "hello hello world world 2");
    CHECK(answer("string.gsub('hello world', '%w+', '%0 %0', 1)") == "hello hello world 1");
    CHECK(answer("string.gsub('hello world from Lua', '(%w+)%s*(%w+)', '%2 %1')")
        == "world hello Lua from 2");
    CHECK(answer("string.gsub('$name-$version', '%$(%w+)', {name = 'lua', version = '5.4'})")
        == "lua-5.4 2");
    CHECK(answer("string.gsub('abc', '%w', function(c) if c ~= 'b' then return c:upper() end end)")
        == "AbC 3");
    CHECK(answer("string.gsub('abc def', '', '-')") == "-a-b-c- -d-e-f- 8");
    CHECK(answer("string.gsub('  trim  ', '^%s*(.-)%s*$', '%1')") == "trim 1");
}

TEST_CASE("classes, sets, captures, balance and frontier")
{
    CHECK(answer("('f(a(b)c)d'):match('%b()')") == "(a(b)c)");
    CHECK(answer("('THE (quick) fox'):find('%f[%a]%a+%f[%A]')") == "1 3");
    CHECK(answer("('hello'):match('()ll()')") == "3 5");
    CHECK(answer("('[x]'):match('[]x]+')") == "x]");
    CHECK(answer("('a-z'):match('[a%-z]+')") == "a-z");
    CHECK(answer("('abc123'):match('[^%d]+')") == "abc");
    CHECK(answer("('say \"hi\" now'):match('([\"\\'])(.-)%1')") == "\" hi");
    CHECK(answer("('aXb'):match('%u'), ('aXb'):match('%U+')") == "X a");
    CHECK(
        answer("('abc'):match('b?c'), ('ac'):match('ab?c'), ('aaa'):match('a-$')") == "bc ac aaa");
    CHECK(answer("('x'):match('x$$') == nil") == "true");
}

TEST_CASE("gmatch walks")
{
    CHECK(answer("(function() local all = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do "
                 "all[#all + 1] = k .. v end return table.unpack(all) end)()")
        == "a1 b2");
    CHECK(
        answer(
            "(function() local n = 0 for _ in ('abc'):gmatch('') do n = n + 1 end return n end)()")
        == "4");
}

TEST_CASE("what is no pattern is told")
{
    CHECK(answer("('x'):match('[a')").ends_with("malformed pattern (missing ']')"));
    CHECK(answer("('x'):match('%')").ends_with("malformed pattern (ends with '%')"));
    CHECK(answer("('x'):match('(x')").ends_with("unfinished capture"));
    CHECK(answer("('x'):match('x)')").ends_with("invalid pattern capture"));
    CHECK(answer("('x'):gsub('x', '%2')").find("invalid capture index") != std::string::npos);
    CHECK(answer("('xx'):match('%1')").find("invalid capture index") != std::string::npos);
}

TEST_CASE("the other texts' functions")
{
    CHECK(answer("('ab'):rep(3, '-')") == "ab-ab-ab");
    CHECK(answer("string.format('%5.2f|%-4d|%q|%%|%s', 1.5, 7, 'x', true)")
        == " 1.50|7   |\"x\"|%|true");
    CHECK(answer("utf8.len('grün'), #utf8.char(8364), utf8.codepoint('€')") == "4 3 8364");
    CHECK(answer("string.char(65, 66), ('AB'):byte(2), tonumber('ff', 16), tonumber(' 12 ')")
        == "AB 66 255 12");
    CHECK(answer("table.concat({1, 2, 'x'}, ',')") == "1,2,x");
    CHECK(
        answer(
            "(function() local t = {5, 2, 8, 1, 9, 3} table.sort(t) return table.concat(t) end)()")
        == "123589");
    CHECK(
        answer(
            "(function() local t = {'b', 'a', 'c'} table.sort(t, function(x, y) return x > y end) "
            "return table.concat(t) end)()")
        == "cba");
    CHECK(answer("(function() local t = {1, 2, 3} table.insert(t, 1, 0) table.remove(t) return "
                 "table.concat(t), table.remove({}) end)()")
        == "012 nil");
    CHECK(answer("select('#', 1, nil), select(-1, 1, 2), pcall(error, 'x', 0)") == "2 2 false x");
}
