// Files of accounts from other servers: XEP-0227, JSON lines, CSV.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::kernel {

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

/// Reads one file from its front to its end, in memory bounded by the limits. Blocks: worker
/// threads only, one at a time.
class AccountFile {
public:
    static Result<std::unique_ptr<AccountFile>> open(
        const std::string& path, const AccountFileLimits& limits = {});
    /// The same over what is in memory.
    static std::unique_ptr<AccountFile> over(
        std::string text, const AccountFileLimits& limits = {});
    ~AccountFile();

    /// The next entries, `most` at the most; none: the file has ended. An error, with its line, is
    /// about the file itself: nothing behind it can be read.
    Result<std::vector<FileEntry>> read(std::size_t most);
    /// How far it is read, for who waits.
    std::uint64_t bytes_read() const;
    std::uint64_t bytes() const;

    /// What was left out and is no account: files that it includes, for instance.
    std::vector<std::string> take_remarks();

private:
    struct State;
    explicit AccountFile(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// The other way: an account as a line of JSON, or as `<user/>`.
std::string to_json_line(const FileAccount& account);
std::string to_piefxis_user(const FileAccount& account);

}
