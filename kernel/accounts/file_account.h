// What a file of accounts says: an account, or what is wrong with it; and how large it may be.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace nuncio::kernel::accounts {

/// What a file says of one account.
struct FileAccount {
    std::string host; ///< prepared; empty: the file does not say
    std::string user; ///< prepared
    std::optional<std::string> password {};
    ScramKeySet keys {};
};

/// An account, or what is wrong with it: by its place, and never with what it holds.
struct FileEntry {
    std::uint64_t line = 0; ///< where it begins
    Result<FileAccount> account;
};

/// Bounds on files; what is more is an error that names the bound.
struct AccountFileLimits {
    std::uint64_t file_bytes = std::uint64_t(4) << 30U;
    std::size_t line_bytes = 65536; ///< of JSON lines and CSV
    std::size_t user_bytes = 16777216; ///< of one `<user/>`, with all that XEP-0227 keeps in it
    std::size_t password_bytes = 4096;
};

}
