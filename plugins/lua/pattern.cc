#include "pattern.h"

#include <cstring>

namespace nuncio::lua {

namespace {

    constexpr char escape = '%';

    // ASCII only, whatever locale the process has.
    bool is_alpha(unsigned char c)
    {
        return (c | 32) >= 'a' && (c | 32) <= 'z';
    }
    bool is_digit(unsigned char c)
    {
        return c >= '0' && c <= '9';
    }
    bool is_control(unsigned char c)
    {
        return c < 32 || c == 127;
    }
    bool is_graph(unsigned char c)
    {
        return c > 32 && c < 127;
    }
    bool is_space(unsigned char c)
    {
        return c == ' ' || (c >= 9 && c <= 13);
    }

    bool matches_class(unsigned char c, unsigned char name)
    {
        bool answer = false;
        switch (name | 32) {
        case 'a':
            answer = is_alpha(c);
            break;
        case 'c':
            answer = is_control(c);
            break;
        case 'd':
            answer = is_digit(c);
            break;
        case 'g':
            answer = is_graph(c);
            break;
        case 'l':
            answer = c >= 'a' && c <= 'z';
            break;
        case 'p':
            answer = is_graph(c) && !is_alpha(c) && !is_digit(c);
            break;
        case 's':
            answer = is_space(c);
            break;
        case 'u':
            answer = c >= 'A' && c <= 'Z';
            break;
        case 'w':
            answer = is_alpha(c) || is_digit(c);
            break;
        case 'x':
            answer = is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
            break;
        default:
            return name == c;
        }
        return is_alpha(name) && (name & 32) == 0 ? !answer : answer;
    }

}

bool Pattern::refill()
{
    if (failure_ != Failure::none)
        return false;
    steps_ = meter_.grant(meter_.with);
    if (--steps_ >= 0)
        return true;
    failure_ = Failure::steps;
    return false;
}

Pattern::Text Pattern::complain(const char* text)
{
    if (failure_ == Failure::none) {
        failure_ = Failure::malformed;
        complaint_ = text;
    }
    return nullptr;
}

const char* Pattern::match_at(std::size_t offset)
{
    level_ = 0;
    depth_ = 0;
    return match(begin_ + offset, pattern_);
}

/// After one single-character class; null when the pattern ends inside it.
Pattern::Text Pattern::end_of_class(Text rule)
{
    const char first = *rule++;
    if (first == escape)
        return rule == pattern_end_ ? complain("malformed pattern (ends with '%')") : rule + 1;
    if (first != '[')
        return rule;
    if (rule < pattern_end_ && *rule == '^')
        ++rule;
    do { // a `]` right at the beginning belongs to the set
        if (rule == pattern_end_)
            return complain("malformed pattern (missing ']')");
        if (!step())
            return nullptr;
        const char c = *rule++;
        if (c == escape) {
            if (rule == pattern_end_)
                return complain("malformed pattern (ends with '%')");
            ++rule;
        }
    } while (rule == pattern_end_ || *rule != ']');
    return rule + 1;
}

/// `rule` is at the `[`, `last` at the `]`.
bool Pattern::matches_set(unsigned char c, Text rule, Text last)
{
    bool wanted = true;
    if (rule[1] == '^') {
        wanted = false;
        ++rule;
    }
    while (++rule < last) {
        if (!step())
            return false;
        if (*rule == escape) {
            ++rule;
            if (matches_class(c, static_cast<unsigned char>(*rule)))
                return wanted;
        } else if (rule[1] == '-' && rule + 2 < last) {
            rule += 2;
            if (static_cast<unsigned char>(rule[-2]) <= c && c <= static_cast<unsigned char>(*rule))
                return wanted;
        } else if (static_cast<unsigned char>(*rule) == c) {
            return wanted;
        }
    }
    return !wanted;
}

bool Pattern::matches_one(Text at, Text rule, Text after)
{
    if (at >= end_ || !step())
        return false;
    const auto c = static_cast<unsigned char>(*at);
    switch (*rule) {
    case '.':
        return true;
    case escape:
        return matches_class(c, static_cast<unsigned char>(rule[1]));
    case '[':
        return matches_set(c, rule, after - 1);
    default:
        return static_cast<unsigned char>(*rule) == c;
    }
}

Pattern::Text Pattern::match_balance(Text at, Text rule)
{
    if (pattern_end_ - rule < 2)
        return complain("malformed pattern (missing arguments to '%b')");
    if (at >= end_ || *at != rule[0])
        return nullptr;
    int open = 1;
    while (++at < end_) {
        if (!step())
            return nullptr;
        if (*at == rule[1]) {
            if (--open == 0)
                return at + 1;
        } else if (*at == rule[0]) {
            ++open;
        }
    }
    return nullptr;
}

Pattern::Text Pattern::match_frontier(Text at, Text rule, bool& holds)
{
    holds = false;
    if (rule == pattern_end_ || *rule != '[')
        return complain("missing '[' after '%f' in pattern");
    const Text after = end_of_class(rule);
    if (!after)
        return nullptr;
    const auto before = static_cast<unsigned char>(at == begin_ ? '\0' : at[-1]);
    const auto here = static_cast<unsigned char>(at == end_ ? '\0' : *at);
    holds = !matches_set(before, rule, after - 1) && matches_set(here, rule, after - 1);
    return after;
}

/// `x*` and `x-`: as many, or as few, as the rest lets.
Pattern::Text Pattern::expand(Text at, Text rule, Text after, bool greedy)
{
    if (!greedy) {
        for (;; ++at) {
            if (const Text found = match(at, after + 1))
                return found;
            if (failure_ != Failure::none || !matches_one(at, rule, after))
                return nullptr;
        }
    }
    std::ptrdiff_t count = 0;
    while (matches_one(at + count, rule, after))
        ++count;
    for (; count >= 0; --count) {
        if (failure_ != Failure::none)
            return nullptr;
        if (const Text found = match(at + count, after + 1))
            return found;
    }
    return nullptr;
}

Pattern::Text Pattern::open_capture(Text at, Text rule, std::ptrdiff_t kind)
{
    if (level_ >= most_captures)
        return complain("too many captures");
    captures_[level_++] = { at, kind };
    const Text found = match(at, rule);
    if (!found)
        --level_;
    return found;
}

Pattern::Text Pattern::close_capture(Text at, Text rule)
{
    for (std::size_t i = level_; i-- > 0;)
        if (captures_[i].size == Capture::open) {
            captures_[i].size = at - captures_[i].begin;
            const Text found = match(at, rule);
            if (!found)
                captures_[i].size = Capture::open;
            return found;
        }
    return complain("invalid pattern capture");
}

Pattern::Text Pattern::match_back_reference(Text at, char digit)
{
    const auto i = static_cast<std::size_t>(digit - '1');
    if (digit == '0' || i >= level_ || captures_[i].size == Capture::open)
        return complain("invalid capture index in pattern");
    const std::ptrdiff_t size = captures_[i].size;
    if (size < 0) // the place of a `()` never matches a text, as in Lua's own functions
        return nullptr;
    steps_ -= size / 16;
    if (end_ - at < size || std::memcmp(captures_[i].begin, at, std::size_t(size)) != 0)
        return nullptr;
    return at + size;
}

Pattern::Text Pattern::match(Text at, Text rule)
{
    struct Depth { // given back on every way out
        int& depth;
        ~Depth() { --depth; }
    };
    if (++depth_ > most_depth) {
        --depth_;
        if (failure_ == Failure::none)
            failure_ = Failure::depth;
        return nullptr;
    }
    const Depth leaving { depth_ };
    while (rule != pattern_end_) {
        if (!step())
            return nullptr;
        switch (*rule) {
        case '(':
            if (rule + 1 < pattern_end_ && rule[1] == ')')
                return open_capture(at, rule + 2, Capture::position);
            return open_capture(at, rule + 1, Capture::open);
        case ')':
            return close_capture(at, rule + 1);
        case '$':
            if (rule + 1 == pattern_end_)
                return at == end_ ? at : nullptr;
            break;
        case escape:
            if (rule + 1 == pattern_end_)
                break; // end_of_class complains
            if (rule[1] == 'b') {
                at = match_balance(at, rule + 2);
                if (!at)
                    return nullptr;
                rule += 4;
                continue;
            }
            if (rule[1] == 'f') {
                bool holds = false;
                rule = match_frontier(at, rule + 2, holds);
                if (!rule || !holds)
                    return nullptr;
                continue;
            }
            if (is_digit(static_cast<unsigned char>(rule[1]))) {
                at = match_back_reference(at, rule[1]);
                if (!at)
                    return nullptr;
                rule += 2;
                continue;
            }
            break;
        default:
            break;
        }
        const Text after = end_of_class(rule);
        if (!after)
            return nullptr;
        const char suffix = after < pattern_end_ ? *after : '\0';
        if (suffix == '*')
            return expand(at, rule, after, true);
        if (suffix == '-')
            return expand(at, rule, after, false);
        const bool is_here = matches_one(at, rule, after);
        if (suffix == '+')
            return is_here ? expand(at + 1, rule, after, true) : nullptr;
        if (suffix == '?') {
            if (is_here)
                if (const Text found = match(at + 1, after + 1))
                    return found;
            if (failure_ != Failure::none)
                return nullptr;
            rule = after + 1;
            continue;
        }
        if (!is_here)
            return nullptr;
        ++at;
        rule = after;
    }
    return at;
}

}
