// What tests of scripts have beside the server's functions: run, advance, expect, fake.
#include "api.h"
#include "convert.h"
#include "test_world.h"

namespace nuncio::lua {

namespace {

    constexpr const char* fakes_key = "fakes"; ///< of the registry: name → function

    TestWorld& world_of(lua_State* state)
    {
        return static_cast<TestWorld&>(Script::of(state).world());
    }

    std::string field_text(lua_State* state, int index, const char* name)
    {
        if (!lua_istable(state, index))
            return {};
        lua_getfield(state, index, name);
        const std::string text(optional_text(state, -1));
        lua_pop(state, 1);
        return text;
    }

    void set_text(lua_State* state, const char* name, std::string_view text)
    {
        if (text.empty())
            return;
        lua_pushlstring(state, text.data(), text.size());
        lua_setfield(state, -2, name);
    }

    /// What a run came to, as a table.
    void push_outcome(lua_State* state, Verdict verdict, Stanza stanza, std::vector<Stanza> sent)
    {
        lua_createtable(state, 0, 8);
        set_text(state, "verdict", to_string(verdict.kind));
        set_text(state, "reason", verdict.reason);
        set_text(state, "to", verdict.to.text());
        if (verdict.kind == Verdict::Kind::bounce) {
            set_text(state, "condition", to_string(verdict.error.condition));
            set_text(state, "text", verdict.error.text);
        }
        if (verdict.kind == Verdict::Kind::reply) {
            push_box(state).own(std::move(verdict.stanza));
            lua_setfield(state, -2, "reply");
        }
        if (stanza) {
            push_box(state).own(std::move(stanza));
            lua_setfield(state, -2, "stanza");
        }
        lua_newtable(state);
        for (std::size_t i = 0; i < sent.size(); ++i) {
            push_box(state).own(std::move(sent[i]));
            lua_rawseti(state, -2, lua_Integer(i) + 1);
        }
        lua_setfield(state, -2, "sent");
    }

    /// run(event, stanza or fields, fields): as the server would call the handlers.
    int test_run(lua_State* state)
    {
        Script& script = Script::of(state);
        const auto event = read_event(check_text(state, 1));
        if (!event)
            return luaL_error(state, "there is no event \"%s\"", lua_tostring(state, 1));
        Stanza stanza;
        int fields = 2;
        if (has_stanza(event->point)) {
            stanza = check_box(state, 2).read();
            fields = 3;
        }
        const std::string user = field_text(state, fields, "user"),
                          jid = field_text(state, fields, "jid"),
                          address = field_text(state, fields, "address"),
                          mechanism = field_text(state, fields, "mechanism"),
                          form_text = field_text(state, fields, "form");
        Element form;
        if (!form_text.empty()) {
            auto parsed = parse_element(form_text);
            if (!parsed)
                return luaL_error(state, "form: %s", parsed.error().text.c_str());
            form = std::move(*parsed);
        }
        Subject subject { .point = event->point,
            .stanza = stanza ? &stanza : nullptr,
            .jid = jid,
            .user = user,
            .address = address,
            .mechanism = mechanism,
            .is_encrypted = true,
            .form = form };
        Verdict verdict;
        std::vector<Stanza> sent;
        for (const Stage stage : { Stage::early, Stage::normal, Stage::late })
            for (const Script::Handler& handler : script.handlers()) {
                const bool is_asked = handler.event.point == event->point && handler.stage == stage
                    && (handler.event.wants == event->wants
                        || (handler.event.wants & event->wants));
                if (!is_asked || verdict.kind != Verdict::Kind::pass)
                    continue;
                Script::Progress progress {};
                Script::Call* const call = script.begin(handler, subject, progress);
                if (progress != Script::Progress::done) {
                    if (call)
                        script.end(*call);
                    return luaL_error(state, "the handler failed: %s", script.failure().c_str());
                }
                verdict = std::move(call->verdict);
                for (Stanza& one : call->sent)
                    sent.push_back(std::move(one));
                if (auto rewritten = call->take_rewritten())
                    stanza = *std::move(rewritten);
                script.end(*call);
            }
        push_outcome(state, std::move(verdict), std::move(stanza), std::move(sent));
        return 1;
    }

    int test_advance(lua_State* state)
    {
        const double seconds = luaL_checknumber(state, 1);
        luaL_argcheck(state, seconds >= 0 && seconds < 1e9, 1, "seconds");
        const auto by
            = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
        if (const auto done = world_of(state).advance(Script::of(state), by); !done)
            return luaL_error(state, "%s", done.error().text.c_str());
        return 0;
    }

    int test_expect(lua_State* state)
    {
        luaL_checkany(state, 1);
        lua_settop(state, 2);
        if (lua_compare(state, 1, 2, LUA_OPEQ))
            return 0;
        luaL_where(state, 1);
        lua_pushliteral(state, "expected ");
        luaL_tolstring(state, 2, nullptr);
        lua_pushliteral(state, ", got ");
        luaL_tolstring(state, 1, nullptr);
        lua_concat(state, 5);
        return lua_error(state);
    }

    int test_fake(lua_State* state)
    {
        luaL_checkstring(state, 1);
        luaL_checktype(state, 2, LUA_TFUNCTION);
        lua_settop(state, 2);
        lua_getfield(state, LUA_REGISTRYINDEX, fakes_key);
        lua_insert(state, 1);
        lua_rawset(state, 1);
        return 0;
    }

}

void open_test_api(lua_State* state)
{
    lua_newtable(state);
    lua_setfield(state, LUA_REGISTRYINDEX, fakes_key);
    lua_register(state, "run", test_run);
    lua_register(state, "advance", test_advance);
    lua_register(state, "expect", test_expect);
    lua_register(state, "fake", test_fake);
}

bool call_fake(lua_State* state, const Request& request)
{
    if (lua_getfield(state, LUA_REGISTRYINDEX, fakes_key) != LUA_TTABLE
        || lua_getfield(state, -1, request.key.c_str()) != LUA_TFUNCTION)
        return false;
    for (const Value& argument : request.value.as_array())
        push_plain(state, argument);
    lua_call(state, int(request.value.as_array().size()), 1);
    return true;
}

}
