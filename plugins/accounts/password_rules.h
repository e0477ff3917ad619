// Which passwords are taken.
#pragma once

#include <nuncio/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace nuncio::accounts {

/// What experience recommends (NIST SP 800-63B §5.1.1.2): length, and nothing that is guessed
/// first. Read from any thread.
class PasswordRules {
public:
    struct Options {
        std::uint32_t min_length = 8; ///< characters
        std::uint32_t max_bytes = 1024;
        bool may_contain_user = false;
        std::string common_file; ///< passwords that are not taken, one a line; empty: none
    };
    /// `unavailable` when the file cannot be read, `limit` when it is too large.
    static Result<PasswordRules> create(const Options& options);

    /// `invalid`, with what is wrong in words for the user.
    Result<void> check(std::string_view user, std::string_view password) const;

    static constexpr std::size_t most_common = 1'000'000; ///< lines of the file

private:
    explicit PasswordRules(const Options& options)
        : options_(options)
    {
    }
    Options options_;
    std::unordered_set<std::string> common_; // lower case
};

}
