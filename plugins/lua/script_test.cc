#include "test_world.h"

#include <nuncio/temporary_folder.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::lua;

namespace {

/// In which an answer takes its time, if so chosen.
struct SlowWorld final : TestWorld {
    using TestWorld::TestWorld;
    std::optional<Result<Value>> answer(const Request& request) override
    {
        return is_slow ? std::nullopt : TestWorld::answer(request);
    }
    bool is_slow = false;
};

/// A script in the world of tests, with plenty of time.
struct ScriptTrial {
    explicit ScriptTrial(std::string text, Script::Bounds bounds = {}, Budget budget = plenty())
        : world("example.org")
    {
        auto loaded = Script::load({ .name = "trial",
            .text = std::move(text),
            .budget = budget,
            .bounds = bounds,
            .world = &world });
        if (loaded)
            script = std::move(*loaded);
        else
            failure = loaded.error().text;
    }
    static Budget plenty() { return { .slow = 60s, .time = 60s }; }

    /// Judges a message with this body by the first handler.
    std::string judge(const std::string& body)
    {
        Stanza stanza(Stanza::Kind::message, Stanza::Type::chat);
        stanza.set_from(*Jid::parse("romeo@example.org/x"))
            .set_to(*Jid::parse("juliet@example.org"));
        stanza.element().add("body").text(body);
        const Subject subject { .stanza = &stanza, .jid = "romeo@example.org/x", .address = "::1" };
        Script::Progress progress {};
        Script::Call* const call = script->begin(script->handlers().at(0), subject, progress);
        if (progress != Script::Progress::done) {
            if (call)
                script->end(*call);
            return "failed: " + script->failure();
        }
        std::string answer(to_string(call->verdict.kind));
        if (call->verdict.kind == Verdict::Kind::bounce)
            answer += ' ' + std::string(to_string(call->verdict.error.condition));
        sent = call->sent.size();
        if (auto rewritten = call->take_rewritten())
            answer += ": " + rewritten->xml();
        CHECK(stanza.body() == body);
        script->end(*call);
        return answer;
    }

    SlowWorld world;
    std::unique_ptr<Script> script;
    std::string failure;
    std::size_t sent = 0;
};

std::string judged(const std::string& handler)
{
    ScriptTrial stage("on('message.in', function(stanza, event) " + handler + " end)");
    REQUIRE(stage.failure == "");
    return stage.judge("hello");
}

}

TEST_CASE("a handler's verdict is what it returns")
{
    CHECK(judged("") == "pass");
    CHECK(judged("return pass()") == "pass");
    CHECK(judged("return drop('x')") == "drop");
    CHECK(judged("drop('x')") == "pass");
    CHECK(judged("return bounce('gone')") == "bounce gone");
    CHECK(judged("return bounce('nonsense')").starts_with("failed: "));
    CHECK(judged("return 'drop'").starts_with("failed: "));
    CHECK(judged("return true").starts_with("failed: "));
    CHECK(judged("return redirect('@')").starts_with("failed: "));
}

TEST_CASE("a stanza tells what it is")
{
    CHECK(judged("if stanza.body == 'hello' and stanza.type == 'chat' and stanza.kind == 'message' "
                 "and stanza.from_user == 'romeo' and stanza.to_domain == 'example.org' and "
                 "stanza.from_resource == 'x' and stanza.to_bare == 'juliet@example.org' and not "
                 "stanza.id and stanza:has('body') and not stanza:has('body', 'urn:x') and "
                 "stanza:child('body').text == 'hello' and #stanza:children() == 1 and "
                 "event.address == '::1' then return drop() end")
        == "drop");
}

TEST_CASE("changes are made to a copy")
{
    CHECK(judged("stanza.body = 'bye'")
        == "pass: <message type='chat' from='romeo@example.org/x' "
           "to='juliet@example.org'><body>bye</body></message>");
    CHECK(judged("stanza:remove('body') stanza:add(\"<x xmlns='urn:x'/>\")")
        == "pass: <message type='chat' from='romeo@example.org/x' to='juliet@example.org'><x "
           "xmlns='urn:x'/></message>");
    CHECK(judged("stanza.to = 'x@y'").starts_with("failed: "));
    CHECK(judged("stanza.type = 'get'").starts_with("failed: "));
    CHECK(judged("stanza:add('<x')").starts_with("failed: "));
    CHECK(judged("stanza.body = '\\1'").starts_with("failed: "));
    CHECK(judged("stanza.body = '\\255'").starts_with("failed: "));
    CHECK(judged("stanza.body = '\\xed\\xa0\\x80'").starts_with("failed: "));
}

TEST_CASE("what a script keeps of a stanza is empty afterwards")
{
    ScriptTrial stage(
        "local kept, element\n"
        "on('message.in', function(stanza, event)\n"
        "  if kept then return drop(kept.body) end\n"
        "  kept = message { body = 'x' } kept = stanza element = stanza:child('body')\n"
        "end)");
    CHECK(stage.judge("one") == "pass");
    // The box is used again for the next stanza, so it tells of that one, never of freed memory.
    CHECK(stage.judge("two") == "drop");
    ScriptTrial other("local element\n"
                      "on('message.in', function(stanza)\n"
                      "  if element then return drop(element.text) end\n"
                      "  element = stanza:child('body')\n"
                      "end)");
    CHECK(other.judge("one") == "pass");
    CHECK(other.judge("two").find("this element is gone") != std::string::npos);
    CHECK(judged("local e = stanza:child('body') stanza.body = 'x' return drop(e.text)")
              .find("this element is gone")
        != std::string::npos);
}

TEST_CASE("stanzas that a script builds count as its memory")
{
    Budget budget = ScriptTrial::plenty();
    budget.memory = 1'048'576;
    budget.instructions = 10'000'000;
    ScriptTrial stage("on('message.in', function() local all = {} local text = ('x'):rep(10000)\n"
                      "for i = 1, 1000 do all[i] = message { body = text } end end)",
        {}, budget);
    CHECK(stage.judge("go") == "failed: it needed more memory than it may");
    CHECK(stage.judge("go") == "failed: it needed more memory than it may");
}

TEST_CASE("bounds hold at N and end at N + 1")
{
    ScriptTrial sends("on('message.in', function(s) for i = 1, tonumber(s.body) do "
                      "send(message { to = 'a@b', body = 'x' }) end end)",
        { .sends = 3 });
    CHECK(sends.judge("3") == "pass");
    CHECK(sends.sent == 3);
    CHECK(sends.judge("4").find("more than 3 stanzas") != std::string::npos);

    ScriptTrial timers("on('message.in', function(s) for i = 1, tonumber(s.body) do "
                       "after(1, function() end) end end)",
        { .timers = 3 });
    CHECK(timers.judge("3") == "pass");
    CHECK(timers.judge("1").find("more than 3 timers") != std::string::npos);

    ScriptTrial values(
        "on('message.in', function(s) shared.set('k', ('x'):rep(tonumber(s.body))) end)",
        { .value_bytes = 100 });
    CHECK(values.judge("100") == "pass");
    CHECK(values.judge("101").find("larger than 100 bytes") != std::string::npos);
    ScriptTrial stored("on('message.in', function(s) "
                       "await(store.put('o', 'k', ('x'):rep(tonumber(s.body)))) end)",
        { .value_bytes = 100 });
    CHECK(stored.judge("98") == "pass"); // and two quotes
    CHECK(stored.judge("99").find("larger than 100 bytes") != std::string::npos);
}

TEST_CASE("waits have bounds: of one call, and of calls that wait at once")
{
    ScriptTrial waits(
        "on('message.in', function(s) for i = 1, tonumber(s.body) do await(store.get('o', "
        "'k')) end end)",
        { .waits = 2, .calls = 2 });
    CHECK(waits.judge("2") == "pass"); // the world of tests answers at once, and nothing waits
    CHECK(waits.judge("3") == "pass");

    waits.world.is_slow = true;
    const Script::Handler& handler = waits.script->handlers().at(0);
    Stanza stanza(Stanza::Kind::message, Stanza::Type::chat);
    stanza.element().add("body").text("3");
    const Subject subject { .stanza = &stanza };
    Script::Progress progress {};
    Script::Call* const first = waits.script->begin(handler, subject, progress);
    CHECK(progress == Script::Progress::waits);
    Script::Call* const second = waits.script->begin(handler, subject, progress);
    CHECK(progress == Script::Progress::waits);
    CHECK(waits.judge("0") == "pass"); // who does not wait goes on being asked
    CHECK(waits.judge("1").find("2 of its calls wait already (option waiting_calls)")
        != std::string::npos);

    CHECK(waits.script->resume(*first, Value()) == Script::Progress::waits);
    CHECK(waits.script->resume(*first, Value()) == Script::Progress::failed);
    CHECK(waits.script->failure().find("more than 2 waits in one call (option waits)")
        != std::string::npos);
    waits.script->end(*first);
    Script::Call* const third = waits.script->begin(handler, subject, progress);
    CHECK(progress == Script::Progress::waits);
    waits.script->end(*second);
    waits.script->end(*third);
}

TEST_CASE("what cannot be loaded says where and why")
{
    CHECK(ScriptTrial("x x").failure.starts_with("trial.lua:1: "));
    CHECK(ScriptTrial("error('told')").failure == "trial.lua:1: told");
    CHECK(ScriptTrial("while true do end").failure.find("instructions") != std::string::npos);
    CHECK(ScriptTrial("on('message.under', function() end)").failure.find("there is no event")
        != std::string::npos);
    CHECK(ScriptTrial("policy { on_error = 'explode' }").failure.find("on_error")
        != std::string::npos);
    CHECK(
        ScriptTrial("config { a = { type = 'integer', default = 'x' } }").failure.find("trial.a: ")
        != std::string::npos);
    CHECK(ScriptTrial("config { a = { type = 'integer', default = 3, max = 2 } }")
              .failure.find("more than")
        != std::string::npos);
    CHECK(ScriptTrial("on('message.in', function() on('iq.in', function() end) end)")
              .judge("x")
              .find("outside of all functions")
        != std::string::npos);
    CHECK(ScriptTrial("require 'words'").failure.find("words") != std::string::npos);
    CHECK(ScriptTrial("await(store.get('o', 'k'))")
              .failure.empty()); // the world of tests answers at once
}

TEST_CASE("options are read as they were declared")
{
    TestWorld world("example.org");
    const auto load = [&](Value options) {
        return Script::load({ .name = "trial",
            .text
            = "local c = config { limit = { type = 'integer', default = 3, min = 1, max = 9 },"
              "time = { type = 'duration', default = '2 min' }, list = { type = 'list', "
              "default = {} } }\n"
              "on('message.in', function() return drop(c.limit .. ' ' .. c.time .. ' ' .. "
              "#c.list) end)",
            .options = &options,
            .budget = ScriptTrial::plenty(),
            .world = &world });
    };
    Value given;
    given["script"] = "trial";
    given["limit"] = 9;
    given["time"] = "1h";
    CHECK(load(given).ok());
    given["limit"] = 10;
    CHECK(load(given).error().text.find("trial.limit: ") != std::string::npos);
    Value unknown;
    unknown["limt"] = 3;
    CHECK(load(unknown).error().text.find("did you mean \"limit\"?") != std::string::npos);
}

TEST_CASE("nuncio.state is handed over as plain data")
{
    const std::string text
        = "nuncio.state.count = nuncio.state.count or 0\n"
          "on('message.in', function() nuncio.state.count = nuncio.state.count + 1 "
          "nuncio.state.list = {1, 'x', {y = true}} "
          "return drop(tostring(nuncio.state.count)) end)";
    ScriptTrial before(text), after(text);
    before.judge("x");
    const Value state = before.script->save_state();
    CHECK(state.find("count")->as_integer() == 1);
    CHECK(state.find("list")->json() == R"([1,"x",{"y":true}])");
    after.script->restore_state(state);
    after.judge("x");
    CHECK(after.script->save_state().find("count")->as_integer() == 2);
}

TEST_CASE("a module comes from the folder of scripts and nowhere else")
{
    const testkit::TemporaryFolder folder;
    folder.write("words.lua", "return { 'one', 'two' }");
    folder.write("circle.lua", "return require 'circle'");
    folder.write("large.lua", std::string(101, ' '));
    Library library(folder.path(), 100);
    TestWorld world("example.org");
    const auto load = [&](const std::string& text) {
        auto loaded = Script::load({ .name = "trial",
            .text = text,
            .budget = ScriptTrial::plenty(),
            .library = &library,
            .world = &world });
        return loaded ? std::string() : loaded.error().text;
    };
    CHECK(load("assert(#require 'words' == 2 and require 'words' == require 'words')").empty());
    CHECK(load("assert(require 'circle' == false)").empty());
    for (const char* name : { "../words", "/etc/passwd", "..words", ".words", "wor ds", "" }) {
        CAPTURE(name);
        CHECK(load("require '" + std::string(name) + "'").find("is no name of a script")
            != std::string::npos);
    }
    CHECK(load("require 'none'").find("there is no such file") != std::string::npos);
    CHECK(load("require 'large'").find("larger than 100 bytes") != std::string::npos);
    CHECK(library.scripts() == std::vector<std::string> { "circle", "large", "words" });
}
