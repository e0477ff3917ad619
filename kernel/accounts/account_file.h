// Files of accounts from other servers: XEP-0227, JSON lines, CSV.
#pragma once

#include "file_account.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel::accounts {

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

}
