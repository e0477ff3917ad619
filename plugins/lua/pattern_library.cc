#include "pattern_library.h"

#include "machine.h"
#include "pattern.h"

#include <cstring>
#include <string_view>

namespace nuncio::lua {

namespace {

    std::string_view text_at(lua_State* state, int index)
    {
        std::size_t size = 0;
        const char* const text = luaL_checklstring(state, index, &size);
        return { text, size };
    }

    constexpr std::string_view specials = "^$*+?.([%-)";

    bool is_special(char c)
    {
        return specials.find(c) != specials.npos;
    }

    bool has_specials(std::string_view pattern)
    {
        return pattern.find_first_of(specials) != pattern.npos;
    }

    constexpr std::int64_t steps_at_once = 100;

    std::int64_t grant(void* machine)
    {
        return static_cast<Machine*>(machine)->pay(steps_at_once) ? steps_at_once : 0;
    }

    /// A search with the machine's own meter. What was granted and not used goes back.
    class Search {
    public:
        Search(lua_State* state, std::string_view subject, std::string_view pattern)
            : state_(state)
            , subject_(subject)
            , is_anchored_(!pattern.empty() && pattern[0] == '^')
            , pattern_(
                  subject, pattern.substr(is_anchored_ ? 1 : 0), { grant, &Machine::of(state) })
        {
            // Most patterns begin with a plain character that must be there.
            const std::string_view rest = pattern.substr(is_anchored_ ? 1 : 0);
            const char second = rest.size() > 1 ? rest[1] : ' ';
            has_first_ = !rest.empty() && !is_special(rest[0]) && second != '*' && second != '?'
                && second != '-';
            first_ = has_first_ ? rest[0] : ' ';
        }

        bool is_anchored() const { return is_anchored_; }
        const Pattern& pattern() const { return pattern_; }

        /// The first match at or after `from`; null when there is none. Raises when it took too
        /// long or the pattern is none.
        const char* find(std::size_t& from)
        {
            const char* found = nullptr;
            for (;; ++from) {
                if (has_first_ && !is_anchored_ && !skip(from))
                    break;
                found = pattern_.match_at(from);
                if (found || pattern_.failure() != Pattern::Failure::none || is_anchored_
                    || from >= subject_.size())
                    break;
            }
            raise_failure();
            return found;
        }
        /// Gives back what was granted beyond the need. Call it once, at the end.
        void settle() { Machine::of(state_).pay(-pattern_.steps_left()); }

        void push_capture(std::size_t i, std::string_view whole, const char* subject)
        {
            if (i >= pattern_.captures()) {
                if (i > 0)
                    luaL_error(state_, "invalid capture index %%%d", int(i) + 1);
                lua_pushlstring(state_, whole.data(), whole.size());
                return;
            }
            const Pattern::Capture& capture = pattern_.capture(i);
            if (capture.size == Pattern::Capture::position)
                lua_pushinteger(state_, capture.begin - subject + 1);
            else if (capture.size == Pattern::Capture::open)
                luaL_error(state_, "unfinished capture");
            else
                lua_pushlstring(state_, capture.begin, std::size_t(capture.size));
        }
        /// All captures, or the whole match when there are none.
        int push_captures(std::string_view whole, const char* subject, bool whole_if_none = true)
        {
            const std::size_t count
                = pattern_.captures() == 0 && whole_if_none ? 1 : pattern_.captures();
            luaL_checkstack(state_, int(count), "too many captures");
            for (std::size_t i = 0; i < count; ++i)
                push_capture(i, whole, subject);
            return int(count);
        }

    private:
        void raise_failure()
        {
            switch (pattern_.failure()) {
            case Pattern::Failure::none:
                return;
            case Pattern::Failure::steps:
                Machine::of(state_).refuse_if_spent(state_);
                luaL_error(state_, "the pattern takes too long");
                return;
            case Pattern::Failure::depth:
                luaL_error(state_, "pattern too complex");
                return;
            case Pattern::Failure::malformed:
                luaL_error(state_, "%s", pattern_.complaint());
                return;
            }
        }

        /// To the next place where a match can begin.
        bool skip(std::size_t& from)
        {
            const std::string_view rest = subject_.substr(from);
            const void* const at
                = rest.empty() ? nullptr : std::memchr(rest.data(), first_, rest.size());
            const std::size_t passed
                = at ? std::size_t(static_cast<const char*>(at) - rest.data()) : rest.size();
            from += passed;
            Machine::of(state_).charge(state_, std::int64_t(passed / 16));
            return at != nullptr;
        }

        lua_State* state_;
        std::string_view subject_;
        bool is_anchored_;
        bool has_first_ = false;
        char first_ = ' ';
        Pattern pattern_;
    };

    int find_or_match(lua_State* state, bool find)
    {
        const std::string_view subject = text_at(state, 1);
        const std::string_view pattern = text_at(state, 2);
        lua_Integer init = luaL_optinteger(state, 3, 1);
        if (init < 0)
            init = init < -lua_Integer(subject.size()) ? 1 : lua_Integer(subject.size()) + init + 1;
        else if (init == 0)
            init = 1;
        if (init > lua_Integer(subject.size()) + 1) {
            lua_pushnil(state);
            return 1;
        }
        auto from = std::size_t(init - 1);
        if (find && (lua_toboolean(state, 4) || !has_specials(pattern))) {
            Machine::of(state).charge(state, std::int64_t((subject.size() - from) / 8) + 1);
            const char* const text = subject.data() + from;
            const void* const found
                = memmem(text, subject.size() - from, pattern.data(), pattern.size());
            if (!found) {
                lua_pushnil(state);
                return 1;
            }
            const auto at = static_cast<const char*>(found) - subject.data() + 1;
            lua_pushinteger(state, at);
            lua_pushinteger(state, at + lua_Integer(pattern.size()) - 1);
            return 2;
        }
        Search search(state, subject, pattern);
        const char* const end = search.find(from);
        search.settle();
        if (!end) {
            lua_pushnil(state);
            return 1;
        }
        const char* const begin = subject.data() + from;
        const std::string_view whole(begin, std::size_t(end - begin));
        if (!find)
            return search.push_captures(whole, subject.data());
        lua_pushinteger(state, lua_Integer(from) + 1);
        lua_pushinteger(state, end - subject.data());
        return 2 + search.push_captures(whole, subject.data(), false);
    }

    int string_find(lua_State* state)
    {
        return find_or_match(state, true);
    }

    int string_match(lua_State* state)
    {
        return find_or_match(state, false);
    }

    /// Upvalues: subject, pattern, where to go on, the end of the last match.
    int gmatch_step(lua_State* state)
    {
        const std::string_view subject = text_at(state, lua_upvalueindex(1));
        const std::string_view pattern = text_at(state, lua_upvalueindex(2));
        auto from = std::size_t(lua_tointeger(state, lua_upvalueindex(3)));
        const lua_Integer last_end = lua_tointeger(state, lua_upvalueindex(4));
        // Reference manual §6.4: an anchor would prevent the iteration.
        for (; from <= subject.size(); ++from) {
            Search search(state, subject, pattern);
            if (search.is_anchored())
                return luaL_error(state, "a pattern for gmatch cannot be anchored with '^'");
            const char* const end = search.find(from);
            search.settle();
            if (!end)
                return 0;
            const auto at = end - subject.data();
            if (at == last_end) // an empty match where the last one ended
                continue;
            lua_pushinteger(state, at);
            lua_copy(state, -1, lua_upvalueindex(3));
            lua_replace(state, lua_upvalueindex(4));
            const char* const begin = subject.data() + from;
            return search.push_captures({ begin, std::size_t(end - begin) }, subject.data());
        }
        return 0;
    }

    int string_gmatch(lua_State* state)
    {
        text_at(state, 1);
        text_at(state, 2);
        lua_settop(state, 2);
        lua_pushinteger(state, 0);
        lua_pushinteger(state, -1);
        lua_pushcclosure(state, gmatch_step, 4);
        return 1;
    }

    /// Appends what replaces one match; false when the match stays as it is.
    bool add_replacement(lua_State* state, Search& search, std::string_view whole,
        const char* subject, luaL_Buffer& out)
    {
        const int type = lua_type(state, 3);
        if (type == LUA_TSTRING || type == LUA_TNUMBER) {
            const std::string_view replacement = text_at(state, 3);
            Machine::of(state).charge(state, std::int64_t(replacement.size() / 8) + 1);
            for (std::size_t i = 0; i < replacement.size(); ++i) {
                const char c = replacement[i];
                if (c != '%') {
                    luaL_addchar(&out, c);
                    continue;
                }
                const char next = ++i < replacement.size() ? replacement[i] : '\0';
                if (next == '%') {
                    luaL_addchar(&out, '%');
                } else if (next == '0') {
                    luaL_addlstring(&out, whole.data(), whole.size());
                } else if (next >= '1' && next <= '9') {
                    search.push_capture(std::size_t(next - '1'), whole, subject);
                    luaL_tolstring(state, -1, nullptr);
                    lua_remove(state, -2);
                    luaL_addvalue(&out);
                } else {
                    luaL_error(state, "invalid use of '%%' in replacement string");
                }
            }
            return true;
        }
        if (type == LUA_TTABLE) {
            search.push_capture(0, whole, subject);
            lua_gettable(state, 3);
        } else {
            lua_pushvalue(state, 3);
            const int count = search.push_captures(whole, subject);
            lua_call(state, count, 1);
        }
        if (!lua_toboolean(state, -1)) {
            lua_pop(state, 1);
            return false;
        }
        if (!lua_isstring(state, -1))
            luaL_error(state, "invalid replacement value (a %s)", luaL_typename(state, -1));
        luaL_addvalue(&out);
        return true;
    }

    int string_gsub(lua_State* state)
    {
        const std::string_view subject = text_at(state, 1);
        const std::string_view pattern = text_at(state, 2);
        const int type = lua_type(state, 3);
        luaL_argexpected(state,
            type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION
                || type == LUA_TTABLE,
            3, "string/function/table");
        const lua_Integer most = luaL_optinteger(state, 4, lua_Integer(subject.size()) + 1);
        Machine::of(state).charge(state, std::int64_t(subject.size() / 8) + 1);

        Search search(state, subject, pattern);
        luaL_Buffer out;
        luaL_buffinit(state, &out);
        lua_Integer count = 0;
        std::size_t copied = 0; // up to here the result is complete
        std::size_t from = 0;
        const char* last_end = nullptr;
        while (count < most && from <= subject.size()) {
            const char* const end = search.find(from);
            if (!end)
                break;
            const char* const begin = subject.data() + from;
            if (end == last_end) { // empty, where the last one ended
                if (search.is_anchored())
                    break;
                ++from;
                continue;
            }
            ++count;
            luaL_addlstring(&out, subject.data() + copied, from - copied);
            const std::string_view whole(begin, std::size_t(end - begin));
            if (!add_replacement(state, search, whole, subject.data(), out))
                luaL_addlstring(&out, whole.data(), whole.size());
            last_end = end;
            copied = std::size_t(end - subject.data());
            from = copied;
            if (search.is_anchored())
                break;
        }
        search.settle();
        luaL_addlstring(&out, subject.data() + copied, subject.size() - copied);
        luaL_pushresult(&out);
        lua_pushinteger(state, count);
        return 2;
    }

    constexpr luaL_Reg pattern_functions[] = { { "find", string_find }, { "gmatch", string_gmatch },
        { "gsub", string_gsub }, { "match", string_match }, { nullptr, nullptr } };

}

void add_pattern_functions(lua_State* state)
{
    luaL_setfuncs(state, pattern_functions, 0);
}

}
