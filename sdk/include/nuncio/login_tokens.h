// Tokens that stand for a password (XEP-0484): what the kernel asks of the plugin that keeps them.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/result.h>
#include <nuncio/task.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// One installation of a client of an account, as it says itself (XEP-0388 `<user-agent/>`).
struct LoginClient {
    std::string user; ///< a prepared local part
    std::string id; ///< a UUID in lower case, chosen by the client; never told to anybody else
    std::string software; ///< for lists; the client's words, may be empty, may be a lie
    std::string device; ///< the same
};

/// A token that a client may prove to have.
struct LoginToken {
    std::string id; ///< names it to whoever keeps it; not empty
    std::string secret; ///< what the client was given
    bool is_expired = false; ///< who proves to have it hears credentials-expired
};

/// What else the client said with its proof (XEP-0484 §3.4, §3.6).
struct LoginTokenUse {
    std::optional<std::uint32_t> count; ///< must be greater than with every use before
    bool invalidates = false; ///< it is the last use
    std::string password_mark; ///< as NewLoginToken's, and as it is now
};

/// What a client shall be given.
struct NewLoginToken {
    std::string mechanism; ///< of SASL ("HT-SHA-256-EXPR"); the token is good for no other
    /// What the account's backend said before the client proved who it is
    /// (AuthBackend::password_mark). Empty: the backend cannot tell of changed passwords. Nothing
    /// for a log.
    std::string password_mark;
    std::string replaces; ///< the token that the client came with; empty: it came without
};

/// A token on its way to its client.
struct IssuedToken {
    std::string secret; ///< at least 128 random bits, as text
    WallTime expires_at;
};

/// Implemented by the plugin that keeps tokens, `provide<LoginTokens>`; as long as somebody does,
/// hosts offer FAST to clients with TLS. One instance per host; called on any loop, concurrently;
/// must not block. The kernel compares the proofs. Every Error becomes temporary-auth-failure, but
/// `refused`, which becomes not-authorized, and `expired`, which becomes credentials-expired.
class NUNCIO_API LoginTokens {
public:
    static constexpr std::string_view interface = "login-tokens/1";
    virtual ~LoginTokens();

    /// The tokens that the client may have for this SASL mechanism ("HT-SHA-256-EXPR"): a few at
    /// most, expired ones included as long as they are remembered. None for a user who does not
    /// exist.
    virtual task<Result<std::vector<LoginToken>>> find(LoginClient client, std::string mechanism)
        = 0;
    /// The client, of a user who exists, has proved to have the token `id` of find(). `refused`
    /// when the use was counted before, or the token has gone meanwhile; `expired` when the
    /// password has been changed since the token was issued. True: it is due to be replaced.
    virtual task<Result<bool>> use(LoginClient client, std::string id, LoginTokenUse use) = 0;
    /// A new token for a client that has proved who it is. Former ones stay good until it is used.
    virtual task<Result<IssuedToken>> issue(LoginClient client, NewLoginToken wanted) = 0;
};

}
