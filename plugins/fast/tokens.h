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
    /// Of the password that it stands for, sealed; empty: nobody could tell of another one.
    std::string password_mark {};
    WallTime proved_at {}; ///< the password, or what else the client came in by before tokens
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

/// Drops the tokens that stand for another password than that of the sealed mark, and those of a
/// backend that can tell no more, or could not yet. Whether the token `id` was one of them.
struct Sweep {
    bool took_it = false;
    bool has_changed = false; ///< the slots
};
Sweep drop_stale(Tokens& tokens, std::string_view id, std::string_view password_mark);

/// What a use did.
struct Use {
    bool is_due = false; ///< the token is to be replaced
    bool has_changed = false; ///< the slots
};

/// `refused` when the token is not there any more, has expired, or the use was counted before. The
/// password's mark is not looked at: drop_stale() comes first.
Result<Use> use(
    Tokens& tokens, std::string_view id, const LoginTokenUse& how, WallTime now, Duration rotation);

/// How long a new token is good, and in place of a password that may have been changed.
struct Lifetimes {
    Duration token {};
    Duration unmarked {}; ///< since the password was proved; of tokens without a mark
};

/// Puts a new token into its slot (§3.5: what was given out before and not used goes). `refused`
/// when it has no mark, and the one that it replaces is not there any more.
Result<void> add(Tokens& tokens, Token token, std::string_view replaces, WallTime now,
    const Lifetimes& lifetimes);

std::string to_text(const Tokens& tokens);
Result<Tokens> read_tokens(std::string_view text);

}
