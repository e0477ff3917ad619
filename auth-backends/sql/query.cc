#include "query.h"

#include <nuncio/schema.h>

#include <algorithm>
#include <cassert>

namespace nuncio::sql {

namespace {

    bool starts_name(char c)
    {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    }
    bool is_digit(char c)
    {
        return c >= '0' && c <= '9';
    }
    bool continues_name(char c)
    {
        return starts_name(c) || is_digit(c);
    }

    /// Finds where the pieces of a statement end. All `end_of_…` start at the piece's first byte,
    /// and answer npos when it does not end.
    class Reader {
    public:
        Reader(std::string_view text, Syntax syntax)
            : text_(text)
            , syntax_(syntax)
        {
        }

        std::size_t end_of_quoted(std::size_t at, bool has_backslashes) const
        {
            const char quote = text_[at];
            for (++at; at < text_.size(); ++at) {
                if (has_backslashes && text_[at] == '\\')
                    ++at;
                else if (text_[at] == quote && peek(at + 1) == quote)
                    ++at;
                else if (text_[at] == quote)
                    return at + 1;
            }
            return std::string_view::npos;
        }

        /// PostgreSQL nests them; nobody else does.
        std::size_t end_of_block_comment(std::size_t at) const
        {
            std::size_t depth = 1;
            for (at += 2; at + 1 < text_.size(); ++at) {
                const auto two = text_.substr(at, 2);
                if (two == "*/") {
                    ++at;
                    if (--depth == 0)
                        return at + 1;
                } else if (two == "/*" && syntax_ == Syntax::postgresql) {
                    ++at;
                    ++depth;
                }
            }
            return std::string_view::npos;
        }

        std::size_t end_of_line(std::size_t at) const
        {
            const auto end = text_.find('\n', at);
            return end == text_.npos ? text_.size() : end;
        }

        /// `$tag$…$tag$`; `at` itself when it is none.
        std::size_t end_of_dollar_quoted(std::size_t at) const
        {
            std::size_t end = at + 1;
            while (continues_name(peek(end)))
                ++end;
            if (peek(end) != '$' || is_digit(peek(at + 1)))
                return at;
            const auto tag = text_.substr(at, end + 1 - at);
            const auto closing = text_.find(tag, end + 1);
            return closing == text_.npos ? closing : closing + tag.size();
        }

        std::size_t end_of_name(std::size_t at) const
        {
            while (continues_name(peek(at)))
                ++at;
            return at;
        }

        /// What stands at `at` and has no placeholder in it; 0: nothing of the kind.
        std::size_t end_of_opaque(std::size_t at) const
        {
            const char c = text_[at];
            const char next = peek(at + 1);
            if (c == '\'')
                return end_of_quoted(at, has_backslashes(at));
            if (c == '"' || (c == '`' && syntax_ == Syntax::mariadb))
                return end_of_quoted(at, syntax_ == Syntax::mariadb && c == '"');
            if (c == '/' && next == '*')
                return end_of_block_comment(at);
            if ((c == '-' && next == '-' && !is_double_minus(at))
                || (c == '#' && syntax_ == Syntax::mariadb))
                return end_of_line(at);
            if (c == '$' && syntax_ == Syntax::postgresql)
                if (const auto end = end_of_dollar_quoted(at); end != at)
                    return end;
            return 0;
        }

        char peek(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

    private:
        /// MariaDB takes `1--1` for an expression: a comment has a space there.
        bool is_double_minus(std::size_t at) const
        {
            const char third = peek(at + 2);
            return syntax_ == Syntax::mariadb && third != ' ' && third != '\t' && third != '\n'
                && third != '\0';
        }
        bool has_backslashes(std::size_t at) const
        {
            if (syntax_ == Syntax::mariadb)
                return true;
            // E'…', where the E is a word of its own
            return syntax_ == Syntax::postgresql && at > 0
                && (text_[at - 1] == 'E' || text_[at - 1] == 'e')
                && (at == 1 || !continues_name(text_[at - 2]));
        }

        std::string_view text_;
        Syntax syntax_;
    };

    std::string list_of(const std::vector<std::string_view>& names)
    {
        std::string text;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (i > 0)
                text += i + 1 == names.size() ? " and " : ", ";
            text += ':';
            text += names[i];
        }
        return text;
    }

    Error unknown(std::string_view name, const std::vector<std::string_view>& known)
    {
        const auto near = nearest(name, known);
        std::string text = "there is no parameter :" + std::string(name) + " here; ";
        text += near.empty() ? "there are " + list_of(known)
                             : "did you mean :" + std::string(near) + "?";
        return { std::move(text) };
    }

    std::string_view without_end(std::string_view text)
    {
        const auto last = text.find_last_not_of(" \t\r\n;");
        return text.substr(0, last == text.npos ? 0 : last + 1);
    }

}

Result<Query> Query::parse(
    std::string_view text, const std::vector<std::string_view>& known, Syntax syntax)
{
    text = without_end(text);
    const Reader reader(text, syntax);
    Query query;
    for (std::size_t at = 0; at < text.size();) {
        if (const auto end = reader.end_of_opaque(at); end > 0) {
            if (end == text.npos)
                return Error { "a quote or comment is not closed" };
            query.sql_ += text.substr(at, end - at);
            at = end;
            continue;
        }
        const char c = text[at];
        const char next = reader.peek(at + 1);
        if (c == ':' && next == ':') { // a cast
            query.sql_ += "::";
            at += 2;
        } else if (c == ':' && starts_name(next)) {
            const auto end = reader.end_of_name(at + 1);
            const auto name = text.substr(at + 1, end - at - 1);
            if (std::ranges::find(known, name) == known.end())
                return unknown(name, known);
            query.names_.emplace_back(name);
            query.sql_
                += syntax == Syntax::postgresql ? "$" + std::to_string(query.names_.size()) : "?";
            at = end;
        } else if (c == '?' && syntax != Syntax::postgresql) {
            return Error { "expected a parameter by its name (" + list_of(known)
                + "), found a question mark" };
        } else if (c == '$' && is_digit(next) && syntax == Syntax::postgresql) {
            return Error { "expected a parameter by its name (" + list_of(known)
                + "), found a number" };
        } else if (c == ';') {
            return Error { "expected one statement, found another behind a semicolon" };
        } else {
            query.sql_ += c;
            ++at;
        }
    }
    if (query.sql_.empty())
        return Error { "expected a query" };
    return query;
}

bool Query::uses(std::string_view name) const
{
    return std::ranges::find(names_, name) != names_.end();
}

std::vector<Parameter> Query::bind(const Values& values) const
{
    std::vector<Parameter> bound;
    for (const std::string& name : names_) {
        const auto value = values.find(name);
        assert(value != values.end());
        bound.push_back(value->second);
    }
    return bound;
}

}
