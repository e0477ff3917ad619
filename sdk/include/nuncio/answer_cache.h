// Answers of an auth service, kept for a while: by keyed digest, so that no password is in memory.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/loop.h>
#include <nuncio/lru_map.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

class Context;

/// What a script or a web service answered about an account. Any thread. When there are as many
/// accounts as the capacity, the one that was not asked about for the longest time is forgotten for
/// a new one.
class NUNCIO_API AnswerCache {
public:
    struct Options {
        std::size_t capacity = 4096; ///< accounts
        Duration positive {}; ///< how long a yes is kept; 0: not at all
        Duration negative {}; ///< the same for a no
    };
    /// Of one account: more passwords than its clients have are guesses.
    static constexpr std::size_t answers_per_user = 8;

    /// With a secret of its own: its keys mean nothing to another one.
    explicit AnswerCache(Options options);

    /// What stands for a question about a user: with a password, or whether there is such a user.
    /// Neither `question` nor `user` has a colon.
    std::string key(
        std::string_view question, std::string_view user, std::string_view password = {}) const;

    /// What is kept, and not too old `now`.
    std::optional<bool> find(const std::string& user, const std::string& key, TimePoint now);
    /// To be asked before the service is, and given to `insert`.
    std::uint64_t changes() const;
    /// Keeps an answer, unless something was forgotten since: it may be stale.
    void insert(const std::string& user, std::string key, bool answer, std::uint64_t changes,
        TimePoint now);
    /// All about one user, or about everybody.
    void forget(const std::string& user);
    void forget_all();

    /// Accounts that something is kept of.
    std::size_t size() const;

private:
    struct Answer {
        std::string key;
        bool is_yes;
        TimePoint until;
    };
    using Answers = std::vector<Answer>; // oldest first

    const Options options_;
    const std::string secret_; // of this cache alone
    mutable std::mutex mutex_;
    LruMap<Answers> users_;
    std::uint64_t changes_ = 0;
};

/// Offers `PLUGIN forget HOST [--user USER]`: an administrator says that what `service` ("the auth
/// script") answered is not true any more. In the plugin's start; the cache is a member of it.
NUNCIO_API void add_forget_command(
    Context& context, AnswerCache& cache, std::string plugin, const std::string& service);

}
