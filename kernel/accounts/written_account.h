// An account as it was written in a file, before anybody has looked at it.
#pragma once

#include "file_account.h"

#include <nuncio/scram.h>

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::kernel::accounts {

struct WrittenAccount {
    std::string jid {}; ///< or, when it is empty, the next two
    std::string user {};
    std::string host {};
    std::optional<std::string> password {};
    ScramKeySet keys {};
};

/// Keys that are of use, and the first of their hash.
Result<void> add_keys(WrittenAccount& written, ScramHash hash, ScramKeys keys);
/// The same of RFC 5803.
Result<void> add_keys(WrittenAccount& written, std::string_view text);

/// What an account here could be made of. An error never has a password or a key in its text.
Result<FileAccount> prepare(WrittenAccount written, const AccountFileLimits& limits);

}
