#include "protocol.h"

#include <nuncio/crypto.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::http;
using namespace std::string_literals;

namespace {

Rules rules_of(Protocol protocol)
{
    return { .protocol = protocol, .server = "example.org" };
}

Question about(Operation operation, std::string password = "pencil")
{
    return { .operation = operation, .user = "ana", .password = std::move(password) };
}

Request ask(const Rules& rules, const Question& question, const std::string& base = "https://a/x")
{
    auto request = make_request(rules, base, question);
    REQUIRE(request);
    return *std::move(request);
}

constexpr Operation every_operation[] = { Operation::check_password, Operation::user_exists,
    Operation::register_user, Operation::set_password, Operation::remove_user };

/// "yes", "no" …, or the kind of an error.
std::string outcome(const Rules& rules, Operation operation, long status, std::string body = {})
{
    const auto read = read_answer(rules, operation, { status, std::move(body) });
    if (read) {
        constexpr const char* names[] = { "yes", "no", "conflict", "missing", "refused" };
        return names[static_cast<int>(*read)];
    }
    switch (read.error().kind) {
    case Error::Kind::unavailable:
        return "later";
    case Error::Kind::disabled:
        return "disabled";
    case Error::Kind::expired:
        return "expired";
    default:
        return "odd";
    }
}

}

TEST_CASE("every byte but the unreserved ones is encoded (RFC 3986 §2.3)")
{
    const std::string plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (int value = 0; value < 256; ++value) {
        const std::string byte(1, static_cast<char>(value));
        const auto encoded = percent_encode(byte);
        if (plain.find(byte) != plain.npos) {
            CHECK(encoded == byte);
            continue;
        }
        REQUIRE(encoded.size() == 3);
        CHECK(encoded[0] == '%');
        CHECK(std::stoi(encoded.substr(1), nullptr, 16) == value);
    }
    CHECK(percent_encode("a b&c=d+\u00E4\0"s) == "a%20b%26c%3Dd%2B%C3%A4%00");
}

TEST_CASE("rest: as MongooseIM's and Prosody's services expect it")
{
    const auto rules = rules_of(Protocol::rest);
    const auto check = ask(rules, about(Operation::check_password, "p&q=1 2"));
    CHECK_FALSE(check.is_post);
    CHECK(check.url == "https://a/x/check_password?user=ana&server=example.org&pass=p%26q%3D1%202");
    CHECK(check.body.empty());
    const auto exists = ask(rules, about(Operation::user_exists), "https://a/x///");
    CHECK(exists.url == "https://a/x/user_exists?user=ana&server=example.org");
    const auto made = ask(rules, about(Operation::register_user));
    CHECK(made.is_post);
    CHECK(made.is_once);
    CHECK(made.url == "https://a/x/register");
    CHECK(made.content_type == "application/x-www-form-urlencoded");
    CHECK(made.body == "user=ana&server=example.org&pass=pencil");
    CHECK(ask(rules, about(Operation::set_password)).url == "https://a/x/set_password");
    const auto removed = ask(rules, about(Operation::remove_user));
    CHECK(removed.url == "https://a/x/remove_user");
    CHECK(removed.body == "user=ana&server=example.org");
    CHECK_FALSE(removed.is_once);
}

TEST_CASE("rest with POST: no password is in a URL")
{
    auto rules = rules_of(Protocol::rest);
    rules.posts_questions = true;
    for (const auto operation : every_operation) {
        const auto request = ask(rules, about(operation));
        CHECK(request.is_post);
        CHECK(request.url.find("pencil") == request.url.npos);
        CHECK(request.url.find('?') == request.url.npos);
    }
}

TEST_CASE("json: an object that says all of it, in one place")
{
    auto rules = rules_of(Protocol::json);
    const auto check = ask(rules, about(Operation::check_password, "\"\\\n\u00E4"));
    CHECK(check.is_post);
    CHECK(check.url == "https://a/x");
    CHECK(check.content_type == "application/json");
    CHECK(check.body
        == R"({"operation":"check_password","username":"ana","server":"example.org","password":)"
           "\"\\\"\\\\\\n\u00E4\"}");
    const auto exists = ask(rules, about(Operation::user_exists));
    CHECK(exists.body == R"({"operation":"user_exists","username":"ana","server":"example.org"})");
    rules.names_are_jids = true;
    CHECK(ask(rules, about(Operation::user_exists)).body.find(R"("username":"ana@example.org")")
        != std::string::npos);
    // Nobody's password is anything but UTF-8, and JSON could not carry it.
    CHECK_FALSE(make_request(rules, "https://a", about(Operation::check_password, "\xFF")));
}

TEST_CASE("basic: the user's own credentials, and the user's name where the URL wants it")
{
    auto rules = rules_of(Protocol::basic);
    const auto check = ask(rules, about(Operation::check_password, "a:b\u00E4"), "https://a/u");
    CHECK_FALSE(check.is_post);
    CHECK(check.url == "https://a/u");
    CHECK(check.authorization == "Basic " + to_base64("ana:a:b\u00E4"));
    rules.names_are_jids = true;
    CHECK(ask(rules, about(Operation::check_password)).authorization
        == "Basic " + to_base64("ana@example.org:pencil"));
    auto ipv6 = rules;
    ipv6.server = "[::1]";
    CHECK_FALSE(make_request(ipv6, "https://a", about(Operation::check_password)));
}

TEST_CASE("names in a URL are encoded, and not looked at twice")
{
    const auto rules = rules_of(Protocol::basic);
    Question question { .operation = Operation::check_password, .user = "{server}%2F..\u00E4" };
    const auto request = ask(rules, question, "https://a/{server}/{user}?u={user}");
    CHECK(request.url
        == "https://a/example.org/%7Bserver%7D%252F..%C3%A4?u=%7Bserver%7D%252F..%C3%A4");
}

TEST_CASE("rest: true is yes, false is no, and nothing else is either of them")
{
    const auto rules = rules_of(Protocol::rest);
    for (const auto operation : { Operation::check_password, Operation::user_exists }) {
        CHECK(outcome(rules, operation, 200, "true") == "yes");
        CHECK(outcome(rules, operation, 200, " true\r\n") == "yes");
        CHECK(outcome(rules, operation, 200, "false") == "no");
        for (const char* const odd : { "", "True", "\"true\"", "1", "truely", "true true", "null",
                 "<html>", "{\"result\":true}" })
            CHECK(outcome(rules, operation, 200, odd) == "odd");
        for (const long status : { 100L, 201L, 204L, 301L, 302L, 307L, 400L, 401L, 403L, 404L, 405L,
                 409L, 418L, 500L, 501L, 0L })
            CHECK(outcome(rules, operation, status, "true") == "odd");
        for (const long status : { 429L, 502L, 503L, 504L })
            CHECK(outcome(rules, operation, status, "true") == "later");
    }
}

TEST_CASE("statuses mean no where the administrator says so")
{
    auto rules = rules_of(Protocol::rest);
    rules.no_statuses = { 401, 404 };
    CHECK(outcome(rules, Operation::check_password, 404) == "no");
    CHECK(outcome(rules, Operation::user_exists, 401) == "no");
    CHECK(outcome(rules, Operation::check_password, 403) == "odd");
    CHECK(outcome(rules, Operation::check_password, 500) == "odd");
    CHECK(outcome(rules, Operation::set_password, 404) == "missing");
}

TEST_CASE("a refusal of our own credentials says nothing of a user's password")
{
    auto rules = rules_of(Protocol::rest);
    rules.has_credentials = true;
    CHECK(outcome(rules, Operation::check_password, 401) == "later");
    CHECK(outcome(rules, Operation::check_password, 403) == "odd");
    CHECK(outcome(rules, Operation::set_password, 401) == "later");
}

TEST_CASE("json: a boolean, alone or as result or success, and why not")
{
    const auto rules = rules_of(Protocol::json);
    const auto of
        = [&](const char* body) { return outcome(rules, Operation::check_password, 200, body); };
    CHECK(of("true") == "yes");
    CHECK(of(" false ") == "no");
    CHECK(of(R"({"result":true,"more":[1]})") == "yes");
    CHECK(of(R"({"success":false})") == "no");
    CHECK(of(R"({"result":false,"reason":"disabled"})") == "disabled");
    CHECK(of(R"({"result":false,"reason":"expired"})") == "expired");
    CHECK(of(R"({"result":false,"reason":"whatever"})") == "no");
    CHECK(of(R"({"result":true,"reason":"expired"})") == "yes");
    for (const char* const odd : { "", "{}", R"({"result":"true"})", R"({"result":1})", "[true]",
             R"({"result":false,"result":true})", "\"true\"", "true false", "tru", R"({"ok":true})",
             "[[[[[[[[[true]]]]]]]]]" })
        CHECK(of(odd) == "odd");
    CHECK(outcome(rules, Operation::check_password, 401, "true") == "odd");
}

TEST_CASE("basic: any success is yes, a refusal is no, all else is neither")
{
    const auto rules = rules_of(Protocol::basic);
    for (const long status : { 200L, 204L, 299L })
        CHECK(outcome(rules, Operation::check_password, status, "false") == "yes");
    for (const long status : { 401L, 403L })
        CHECK(outcome(rules, Operation::check_password, status, "true") == "no");
    for (const long status : { 199L, 300L, 302L, 400L, 404L, 500L })
        CHECK(outcome(rules, Operation::check_password, status) == "odd");
    CHECK(outcome(rules, Operation::check_password, 503) == "later");
}

TEST_CASE("changes: done, in conflict, nobody there, refused, or not known")
{
    for (const auto protocol : { Protocol::rest, Protocol::json }) {
        const auto rules = rules_of(protocol);
        CHECK(outcome(rules, Operation::register_user, 201) == "yes");
        CHECK(outcome(rules, Operation::register_user, 409) == "conflict");
        CHECK(outcome(rules, Operation::register_user, 200)
            == (protocol == Protocol::rest ? "refused" : "yes"));
        for (const auto operation : { Operation::set_password, Operation::remove_user }) {
            for (const long status : { 200L, 201L, 204L })
                CHECK(outcome(rules, operation, status) == "yes");
            CHECK(outcome(rules, operation, 404) == "missing");
            for (const long status : { 400L, 403L, 405L, 422L, 501L })
                CHECK(outcome(rules, operation, status) == "refused");
            for (const long status : { 302L, 401L, 500L })
                CHECK(outcome(rules, operation, status) == "odd");
            CHECK(outcome(rules, operation, 503) == "later");
        }
    }
    const auto json = rules_of(Protocol::json);
    CHECK(outcome(json, Operation::set_password, 200, "false") == "refused");
    CHECK(outcome(json, Operation::set_password, 200, R"({"result":true})") == "yes");
    CHECK(outcome(json, Operation::set_password, 200, "<html>") == "odd");
}
