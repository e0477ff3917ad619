// What a handler may decide, and what it may send.
#include "api.h"
#include "script.h"

namespace nuncio::lua {

namespace {

    constexpr char mark = 0;

    Script::Call& call_of(lua_State* state)
    {
        Script::Call* const call = Script::of(state).current();
        if (!call)
            luaL_error(state, "a verdict belongs into a handler");
        return *call;
    }

    int give(lua_State* state, Verdict verdict)
    {
        call_of(state).verdict = std::move(verdict);
        lua_pushlightuserdata(state, verdict_mark());
        return 1;
    }

    int api_pass(lua_State* state)
    {
        return give(state, {});
    }

    int api_drop(lua_State* state)
    {
        return give(
            state, { .kind = Verdict::Kind::drop, .reason = std::string(optional_text(state, 1)) });
    }

    int api_bounce(lua_State* state)
    {
        const std::string_view name = check_text(state, 1);
        const auto condition = stanza_condition(name);
        if (condition == StanzaError::Condition::undefined_condition
            && name != to_string(condition))
            return luaL_error(state,
                "\"%s\" is no condition of RFC 6120 §8.3.3, such as \"policy-violation\"",
                lua_tostring(state, 1));
        const std::string_view text = optional_text(state, 2);
        return give(state,
            { .kind = Verdict::Kind::bounce,
                .error = { .condition = condition, .text = std::string(text) },
                .reason = std::string(name) });
    }

    int api_reply(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        const Subject& subject = call_of(state).subject;
        if (!subject.stanza)
            return luaL_error(state, "there is no stanza to reply to");
        Stanza answer = box.read();
        if (answer.to().empty())
            answer.set_to(subject.stanza->from());
        if (answer.from().empty())
            answer.set_from(subject.stanza->to().empty() ? subject.stanza->from().bare()
                                                         : subject.stanza->to());
        if (answer.id().empty() && !subject.stanza->id().empty())
            answer.set_id(subject.stanza->id());
        return give(state, { .kind = Verdict::Kind::reply, .stanza = std::move(answer) });
    }

    int api_redirect(lua_State* state)
    {
        auto jid = Jid::parse(check_text(state, 1));
        if (!jid)
            return luaL_error(state, "%s", jid.error().text.c_str());
        return give(state, { .kind = Verdict::Kind::redirect, .to = *std::move(jid) });
    }

    int api_send(lua_State* state)
    {
        StanzaBox& box = check_box(state, 1);
        Script& script = Script::of(state);
        Script::Call& call = call_of(state);
        if (call.sent.size() >= script.bounds().sends)
            return luaL_error(state, "more than %d stanzas sent by one call (option sends)",
                int(script.bounds().sends));
        Stanza stanza = box.read();
        if (stanza.to().empty())
            return luaL_error(state, "send: the stanza has no `to`");
        if (stanza.from().empty()) {
            const auto host = Jid::parse(script.world().host());
            if (host)
                stanza.set_from(*host);
        }
        Machine::of(state).charge(state, 200);
        call.sent.push_back(std::move(stanza));
        return 0;
    }

}

void* verdict_mark()
{
    return const_cast<char*>(&mark);
}

void open_verdict_api(lua_State* state)
{
    lua_register(state, "pass", api_pass);
    lua_register(state, "drop", api_drop);
    lua_register(state, "bounce", api_bounce);
    lua_register(state, "reply", api_reply);
    lua_register(state, "redirect", api_redirect);
    lua_register(state, "send", api_send);
}

}
