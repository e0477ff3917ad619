// RFC 7515, RFC 7519: a signed token, and whether it lets somebody in.
#pragma once

#include "key.h"

#include <nuncio/loop.h>
#include <nuncio/result.h>
#include <nuncio/value.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::jwt {

/// RFC 7515 §7.1, taken apart; nothing in it was verified. Points into the text that was read.
struct Token {
    std::string_view signed_text; ///< header and payload as they stand there
    std::string payload; ///< decoded
    std::string signature; ///< decoded
    std::string algorithm; ///< as the header says: only compared, never followed
    std::string key_id; ///< empty: the header names none
};

/// Whether it has the form of one: three parts. An ordinary password seldom has.
bool looks_like_token(std::string_view text);
Result<Token> read_token(std::string_view text);

/// Whose tokens are good for a host, and for how long.
struct Rules {
    std::string domain;
    std::vector<std::string> algorithms; ///< by name; RFC 8725 §3.1: never the token's choice
    std::string account_claim = "sub";
    std::vector<std::string> issuers {}; ///< empty: whoever has a key
    std::vector<std::string> audiences {}; ///< empty: the domain, if the token names any
    Duration leeway = 30s;
    Duration max_age {}; ///< since `iat`; 0: however old
    bool requires_expiry = true;
};

struct Verdict {
    enum class Kind {
        accepted,
        refused,
        expired, ///< it was right in everything else
    };
    Kind kind = Kind::refused;
    std::string text {}; ///< why not; has nothing in it that is not the administrator's business
};

/// The payload of a token that is signed with one of the keys as the rules want it.
Result<Value> verify(const Token& token, const KeySet& set, const Rules& rules);
/// Whether such a payload lets `user` in at `now`.
Verdict judge(const Value& claims, std::string_view user, const Rules& rules, WallTime now);

}
