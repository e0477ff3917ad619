// What is kept of the tokens of one client, and which of them are good (XEP-0484 §5.1).
#pragma once

#include <nuncio/login_tokens.h>

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::fast {

struct Token {
    std::string id; ///< random; the secret is derived from it
    std::string mechanism; ///< it is good for no other
    WallTime issued_at;
    WallTime expires_at;
    std::uint32_t count = 0; ///< of the last use that told one
};

/// The two slots of §5.1, and what the client said about itself when it got a token last.
struct Tokens {
    std::optional<Token> current; ///< was used
    std::optional<Token> fresh; ///< was given out, and may have been lost on the way
    std::string software;
    std::string device;

    bool empty() const { return !current && !fresh; }
    /// When the last of them ends.
    WallTime end() const;
};

/// What a use did.
struct Use {
    bool is_due = false; ///< the token is to be replaced
    bool has_changed = false; ///< the slots
};

/// `refused` when the token is not there any more, has expired, or the use was counted before.
Result<Use> use(
    Tokens& tokens, std::string_view id, const LoginTokenUse& how, WallTime now, Duration rotation);

std::string to_text(const Tokens& tokens);
Result<Tokens> read_tokens(std::string_view text);

}
