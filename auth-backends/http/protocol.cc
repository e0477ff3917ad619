#include "protocol.h"

#include <nuncio/crypto.h>
#include <nuncio/value.h>

#include <algorithm>
#include <utility>

namespace nuncio::http {

namespace {

    using Name = std::pair<Operation, std::string_view>;
    constexpr Name names[] = {
        { Operation::check_password, "check_password" },
        { Operation::user_exists, "user_exists" },
        { Operation::register_user, "register" },
        { Operation::set_password, "set_password" },
        { Operation::remove_user, "remove_user" },
    };

    constexpr int answer_depth = 8;

    bool has_password(Operation operation)
    {
        return operation != Operation::user_exists && operation != Operation::remove_user;
    }

    bool is_success(long status)
    {
        return status >= 200 && status < 300;
    }

    std::string_view trimmed(std::string_view text)
    {
        constexpr std::string_view space = " \t\r\n";
        const auto first = text.find_first_not_of(space);
        if (first == text.npos)
            return {};
        return text.substr(first, text.find_last_not_of(space) - first + 1);
    }

    void replace_all(std::string& text, std::string_view name, const std::string& value)
    {
        for (auto at = text.find(name); at != text.npos; at = text.find(name, at + value.size()))
            text.replace(at, name.size(), value);
    }

    std::string name_of(const Rules& rules, const Question& question)
    {
        return rules.names_are_jids ? question.user + '@' + rules.server : question.user;
    }

    /// application/x-www-form-urlencoded, in a query or a body. Services decode %20 as they do `+`.
    std::string form_of(const Rules& rules, const Question& question)
    {
        std::string form = "user=" + percent_encode(name_of(rules, question))
            + "&server=" + percent_encode(rules.server);
        if (has_password(question.operation))
            form += "&pass=" + percent_encode(question.password);
        return form;
    }

    Result<Request> make_rest(const Rules& rules, std::string base, const Question& question)
    {
        while (base.ends_with('/'))
            base.pop_back();
        base.append("/").append(to_text(question.operation));
        auto form = form_of(rules, question);
        if (!is_change(question.operation) && !rules.posts_questions)
            return Request { .url = base + '?' + form };
        return Request { .is_post = true,
            .url = std::move(base),
            .content_type = "application/x-www-form-urlencoded",
            .body = std::move(form) };
    }

    Result<Request> make_json(const Rules& rules, std::string base, const Question& question)
    {
        Value object;
        object["operation"] = to_text(question.operation);
        object["username"] = name_of(rules, question);
        object["server"] = rules.server;
        if (has_password(question.operation))
            object["password"] = question.password;
        auto body = object.json();
        // RFC 8259 §8.1: JSON is UTF-8, and so is every password (RFC 4616 §2). What does not come
        // out as it went in would be somebody else's.
        if (const auto heard = Value::parse_json(body); !heard || !(*heard == Value(object)))
            return Error { "not UTF-8", Error::Kind::refused };
        return Request { .is_post = true,
            .url = std::move(base),
            .content_type = "application/json",
            .body = std::move(body) };
    }

    Result<Request> make_basic(const Rules& rules, std::string base, const Question& question)
    {
        const auto name = name_of(rules, question);
        // RFC 7617 §2: the first colon ends the name.
        if (name.find(':') != name.npos)
            return Error { "a name with a colon", Error::Kind::refused };
        return Request { .url = std::move(base),
            .authorization = "Basic " + to_base64(name + ':' + question.password) };
    }

    Error not_understood(long status)
    {
        return { "answered " + std::to_string(status) + " with something else than true or false" };
    }

    /// What no protocol gives a meaning to.
    Error odd_status(const Rules& rules, long status)
    {
        std::string text = "answered " + std::to_string(status);
        if (status >= 300 && status < 400)
            text += ": redirects are not followed, so put the final address into `urls`";
        else if (status == 401 || status == 403)
            text += rules.has_credentials ? ": it refuses the credentials in `credentials_file`"
                                          : ": does it want credentials (`credentials_file`)?";
        else if (status == 404)
            text += ": is the path in `urls` right?";
        // RFC 9110 §15.6, RFC 6585 §4: whoever is behind it is down, or it has too much to do. Our
        // own credentials may have been replaced in their file; a new connection reads it anew.
        const bool may_pass = status == 429 || (status >= 502 && status <= 504)
            || (status == 401 && rules.has_credentials);
        return { std::move(text), may_pass ? Error::Kind::unavailable : Error::Kind::internal };
    }

    /// `{"result": false, "reason": "expired"}`, or only `true`.
    Result<Outcome> read_json(const Answer& answer)
    {
        const auto value = Value::parse_json(answer.body, answer_depth);
        if (!value)
            return not_understood(answer.status);
        const Value* result = &*value;
        for (const std::string_view name : { "result", "success" })
            if (const Value* const member = value->find(name))
                result = member;
        if (result->kind() != Value::Kind::boolean)
            return not_understood(answer.status);
        if (result->as_bool())
            return Outcome::yes;
        const Value* const reason = value->find("reason");
        if (reason && reason->as_string() == "disabled")
            return Error { "the account is disabled", Error::Kind::disabled };
        if (reason && reason->as_string() == "expired")
            return Error { "the password has expired", Error::Kind::expired };
        return Outcome::no;
    }

    Result<Outcome> read_text(const Answer& answer)
    {
        const auto text = trimmed(answer.body);
        if (text == "true")
            return Outcome::yes;
        if (text == "false")
            return Outcome::no;
        return not_understood(answer.status);
    }

    Result<Outcome> read_change(const Rules& rules, Operation operation, const Answer& answer)
    {
        const bool says_no = rules.protocol == Protocol::json && is_success(answer.status)
            && !trimmed(answer.body).empty();
        if (says_no) {
            const auto outcome = read_json(answer);
            return outcome && *outcome == Outcome::no ? Result<Outcome>(Outcome::refused) : outcome;
        }
        switch (answer.status) {
        case 200:
        case 204:
            // MongooseIM's and Prosody's services say 201 when there is a new account, and nothing
            // else counts as one.
            if (rules.protocol == Protocol::rest && operation == Operation::register_user)
                return Outcome::refused;
            return Outcome::yes;
        case 201:
            return Outcome::yes;
        case 404:
            return Outcome::missing;
        case 409:
            return Outcome::conflict;
        case 400:
        case 403:
        case 405:
        case 422:
        case 501:
            return Outcome::refused;
        default:
            return odd_status(rules, answer.status);
        }
    }

}

std::string_view to_text(Operation operation)
{
    return std::ranges::find(names, operation, &Name::first)->second;
}

std::optional<Operation> operation_of(std::string_view text)
{
    const auto found = std::ranges::find(names, text, &Name::second);
    return found == std::end(names) ? std::nullopt : std::optional(found->first);
}

bool is_change(Operation operation)
{
    return operation != Operation::check_password && operation != Operation::user_exists;
}

std::string percent_encode(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    text.reserve(bytes.size());
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        const bool is_unreserved = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
            || (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_'
            || byte == '~';
        if (is_unreserved)
            text += byte;
        else
            text.append({ '%', digits[value >> 4], digits[value & 15] });
    }
    return text;
}

Result<Request> make_request(const Rules& rules, const std::string& base, const Question& question)
{
    // No value has a brace in it once it is encoded, so none is replaced twice.
    std::string url = base;
    replace_all(url, "{user}", percent_encode(question.user));
    replace_all(url, "{server}", percent_encode(rules.server));
    auto request = rules.protocol == Protocol::json ? make_json(rules, std::move(url), question)
        : rules.protocol == Protocol::basic         ? make_basic(rules, std::move(url), question)
                                                    : make_rest(rules, std::move(url), question);
    if (request)
        request->is_once = question.operation == Operation::register_user;
    return request;
}

Result<Outcome> read_answer(const Rules& rules, Operation operation, const Answer& answer)
{
    if (is_change(operation))
        return read_change(rules, operation, answer);
    if (std::ranges::find(rules.no_statuses, answer.status) != rules.no_statuses.end())
        return Outcome::no;
    if (rules.protocol == Protocol::basic) {
        if (is_success(answer.status))
            return Outcome::yes;
        // Here the credentials are the user's, so it is the user's that are refused.
        if (answer.status == 401 || answer.status == 403)
            return Outcome::no;
        return odd_status(rules, answer.status);
    }
    if (answer.status != 200)
        return odd_status(rules, answer.status);
    return rules.protocol == Protocol::json ? read_json(answer) : read_text(answer);
}

}
