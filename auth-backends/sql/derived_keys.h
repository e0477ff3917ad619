// SCRAM keys of passwords that are stored plain: derived when asked for, and kept in memory.
#pragma once

#include <nuncio/lru_map.h>
#include <nuncio/scram.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::sql {

/// A user's salt is the same every time: one that changed would tell users from the decoys that
/// stand for nobody (RFC 5802 §9), and clients would derive keys anew at every login. Any thread.
class DerivedKeys {
public:
    /// `secret` decides the salts.
    DerivedKeys(std::string secret, std::uint32_t iterations, std::size_t capacity)
        : secret_(std::move(secret))
        , iterations_(iterations)
        , entries_(capacity)
    {
    }

    /// What is kept of the user, if it was made of this password.
    std::optional<ScramKeys> find(
        const std::string& user, ScramHash hash, const std::string& password);
    /// Slow, unless found: worker threads only. An error when the password cannot be prepared.
    Result<ScramKeys> make(const std::string& user, ScramHash hash, const std::string& password);

    /// The secret in `folder`, made on first use.
    static Result<std::string> load_secret(const std::string& folder);

private:
    struct Entry {
        std::string password_mark; ///< keyed digest of the password that the keys were made of
        ScramKeys keys;
    };
    std::string key_of(const std::string& user, ScramHash hash) const;

    const std::string secret_;
    const std::uint32_t iterations_;
    std::mutex mutex_;
    LruMap<Entry> entries_; // guarded
};

}
