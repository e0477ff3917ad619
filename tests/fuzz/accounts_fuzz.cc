// Account files of other servers: whatever one holds is an account that could exist, a bad record
// or an error with its line, and what was read can be written and read again.
#include "accounts/account_file.h"
#include "accounts/json_lines.h"
#include "accounts/piefxis_user.h"

#include <nuncio/jid.h>
#include <nuncio/scram.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using namespace nuncio;
using namespace nuncio::kernel::accounts;

namespace {

constexpr AccountFileLimits limits { .line_bytes = 4096, .user_bytes = 8192, .password_bytes = 64 };

void require(bool condition, const char* promise)
{
    if (condition)
        return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

bool is_equal(const FileAccount& a, const FileAccount& b)
{
    for (std::size_t i = 0; i < a.keys.size(); ++i) {
        const auto hash = static_cast<ScramHash>(i);
        if (a.keys[i].has_value() != b.keys[i].has_value()
            || (a.keys[i] && to_text(hash, *a.keys[i]) != to_text(hash, *b.keys[i])))
            return false;
    }
    return a.user == b.user && a.host == b.host && a.password == b.password;
}

void check_account(const FileAccount& account)
{
    require(prepare_local(account.user).ok() && !account.user.empty(), "a user has a local part");
    require(account.host.empty() || prepare_domain(account.host).ok(), "a host is a domain");
    require(!account.password || account.password->size() <= limits.password_bytes,
        "a password is within its bound");
    bool has_keys = false;
    for (std::size_t i = 0; i < account.keys.size(); ++i)
        if (account.keys[i]) {
            has_keys = true;
            require(problem_with(*account.keys[i], static_cast<ScramHash>(i)).empty(),
                "keys are such that a login can use them");
        }
    require(has_keys || account.password, "an account can be logged in to");
    if (account.host.empty())
        return;
    const auto again = AccountFile::over(to_json_line(account))->read(2);
    require(again && again->size() == 1 && (*again)[0].account
            && is_equal(account, *(*again)[0].account),
        "what is written is read as it was");
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 65536)
        return 0;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto lines = std::uint64_t(1 + std::count(text.begin(), text.end(), '\n'));
    const auto file = AccountFile::over(text, limits);
    for (std::uint64_t last = 0;;) {
        const auto entries = file->read(3);
        require(file->bytes_read() <= size, "no more is read than there is");
        if (!entries) {
            require(std::strtoull(entries.error().text.c_str(), nullptr, 10) <= lines,
                "an error is within the file");
            return 0;
        }
        if (entries->empty())
            return 0;
        for (const FileEntry& entry : *entries) {
            require(entry.line >= last && entry.line <= lines, "lines go forward");
            last = entry.line;
            if (entry.account)
                check_account(*entry.account);
        }
    }
}
