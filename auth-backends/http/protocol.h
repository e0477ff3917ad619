// What is asked of a web service, and what its answers mean: the protocols that services in the
// field speak.
#pragma once

#include <nuncio/result.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::http {

enum class Operation { check_password, user_exists, register_user, set_password, remove_user };

/// Their names in the settings and on the wire.
std::string_view to_text(Operation operation);
std::optional<Operation> operation_of(std::string_view text);
/// Whether it changes something at the other end.
bool is_change(Operation operation);

enum class Protocol {
    rest, ///< MongooseIM's `http` and Prosody's mod_auth_http: a path for each operation
    json, ///< one URL, a JSON object; Prosody's mod_auth_custom_http knows part of it
    basic, ///< RFC 7617: the user's own credentials; Prosody's mod_auth_http_async
};

struct Rules {
    Protocol protocol = Protocol::rest;
    std::string server; ///< the host's domain
    bool posts_questions = false; ///< `rest`: no password in a URL
    bool names_are_jids = false; ///< user@server instead of user
    bool has_credentials = false; ///< our own go with each request
    std::vector<long> no_statuses {}; ///< HTTP statuses that mean no
};

struct Question {
    Operation operation = Operation::check_password;
    std::string user; ///< a prepared local part
    std::string password {};
};

struct Request {
    bool is_post = false;
    std::string url; ///< may have the password in it: never for a log
    std::string content_type {};
    std::string body {};
    std::string authorization {}; ///< of the user; empty: our own, if there are any
    bool is_once = false; ///< asked twice it would be answered otherwise
};

struct Answer {
    long status = 0;
    std::string body {};
};

enum class Outcome {
    yes,
    no,
    conflict, ///< it exists already
    missing, ///< there is no such user
    refused,
};

/// RFC 3986 §2.1: every byte that is not unreserved as %XX.
std::string percent_encode(std::string_view bytes);

/// The request that puts a question to the service at `base`, in which `{user}` and `{server}`
/// stand for what they say. An Error of kind `refused`: the protocol cannot carry it, so that it
/// can be nobody's password.
Result<Request> make_request(const Rules& rules, const std::string& base, const Question& question);

/// What the answer means. Everything that is not clearly a yes or a no is an Error, of kind
/// `unavailable` if another server, or the same one later, may do better; `disabled` and `expired`
/// are what the service said of an account whose password was right.
Result<Outcome> read_answer(const Rules& rules, Operation operation, const Answer& answer);

}
