// One side of a SASL exchange as a state machine: messages in, messages out, questions to the
// backend in between. No I/O, no clock.
#pragma once

#include "failure.h"

#include <nuncio/auth.h>
#include <nuncio/login_tokens.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::sasl {

/// The longest message that a client may send, decoded: a user name and an authorization identity
/// of full length, escaped, with room for nonces and proofs.
inline constexpr std::size_t max_message_bytes = 7168;
/// The longest name in a message: 1023 bytes after preparation, which may make three bytes one
/// (RFC 7622 §3.3).
inline constexpr std::size_t max_user_bytes = 3 * 1023;

/// What happens next.
struct Step {
    enum class Kind {
        challenge, ///< send `data` and wait for the response
        ask_keys, ///< look up the SCRAM keys of `user()`, then `resume`
        ask_tokens, ///< look up the tokens of `user()` and the client, then `resume`
        ask_password, ///< have `user()` and `take_password()` checked, then `resume`
        ask_certificate, ///< have the users of the client's certificate looked up, then `resume`
        ask_anonymous, ///< have a user made for somebody without a name, then `resume`
        success, ///< it is `user()`; `data` goes with the success unless it is empty
        failure,
    };
    Kind kind = Kind::failure;
    std::string data {};
    Failure failure = Failure::not_authorized;
    std::string_view text {}; ///< of a failure, for a human; static; may be empty
    bool was_guess = false; ///< of a failure: a password was tried, and it was not the right one

    static Step challenge(std::string data) { return { Kind::challenge, std::move(data) }; }
    static Step success(std::string data = {}) { return { Kind::success, std::move(data) }; }
    static Step fail(Failure failure, std::string_view text = {})
    {
        return { Kind::failure, {}, failure, text };
    }
    static Step wrong_password()
    {
        return { .kind = Kind::failure, .failure = Failure::not_authorized, .was_guess = true };
    }
};

/// What the backend said; which of them counts depends on the question.
struct BackendAnswer {
    std::optional<ScramKeys> keys {};
    bool password_matches = false;
    /// Prepared local parts: whom the certificate's owner may be, or the one that was made for
    /// somebody without a name.
    std::vector<std::string> users {};
    std::vector<LoginToken> tokens {};
    /// AuthBackend::password_mark, asked before the password or its keys; none unless the client
    /// wants a token and is known already. Nothing that mechanisms look at.
    std::optional<std::string> password_mark {};
    bool mark_failed = false; ///< the question for it
};

class Mechanism {
public:
    virtual ~Mechanism() = default;

    /// A message of the client, decoded.
    virtual Step respond(std::string_view message) = 0;
    /// The backend's answer to the question of the last step.
    virtual Step resume(BackendAnswer answer) = 0;

    /// The prepared local part that the client claims; empty when no user can have that name.
    virtual const std::string& user() const = 0;
    /// Which keys `ask_keys` wants.
    virtual ScramHash hash() const { return ScramHash::sha1; }
    /// The password that `ask_password` wants checked; it is forgotten here.
    virtual std::string take_password() { return {}; }
    /// What a client without a name says of itself (RFC 4505 §2); for logs of level debug alone.
    virtual std::string_view trace() const { return {}; }
    /// LoginToken::id of the one that was proved; empty when it was none.
    virtual std::string_view token_id() const { return {}; }
};

/// RFC 4616 §2, RFC 5802 §5.1: whom the client wants to act for. Nobody but itself is allowed.
bool may_act_for(std::string_view authzid, std::string_view user, std::string_view domain);

}
