// What is kept of one account: SCRAM keys for each hash, and no password.
#pragma once

#include <nuncio/lru_map.h>
#include <nuncio/scram.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::internal {

struct Record {
    std::array<ScramKeys, 3> keys; ///< by ScramHash; without iterations: none of that kind
    /// Another one for each password, in hexadecimal, whatever becomes of the keys. Empty in
    /// records from before there were any.
    std::string password_id {};

    ScramKeys& of(ScramHash hash) { return keys[static_cast<std::size_t>(hash)]; }
    const ScramKeys& of(ScramHash hash) const { return keys[static_cast<std::size_t>(hash)]; }
    bool has(ScramHash hash) const { return of(hash).iterations != 0; }
    /// What a password is checked with.
    ScramHash checked() const;
};

std::string make_password_id();
/// Derives the keys of a prepared password, each with a salt of its own. Slow: worker threads only.
Record make_record(std::string_view password, std::uint32_t iterations);

/// RFC 5803: `SCRAM-SHA-256$iterations:salt$stored-key:server-key`, a line for each hash that there
/// are keys of: an account that came from another server may have those of one only. Before them
/// `password:ID`.
std::string to_text(const Record& record);
Result<Record> read_record(std::string_view text);

/// The records in use lately, so that a login asks the disk for nothing; and who was asked for and
/// does not exist: if that took a look at the disk every time, the delay would tell. Any thread.
class RecordCache {
public:
    explicit RecordCache(std::size_t capacity)
        : records_(capacity)
    {
    }
    /// No value: not known here. An empty record: there is no such user.
    std::optional<std::optional<Record>> find(const std::string& user);
    /// To be asked before reading what `insert` is given later.
    std::uint64_t changes() const;
    /// Keeps what was read, unless something was forgotten since: it may be stale.
    void insert(
        const std::string& user, const std::optional<Record>& record, std::uint64_t changes);
    void forget(const std::string& user);

private:
    mutable std::mutex mutex_;
    LruMap<std::optional<Record>> records_; // guarded, like what follows
    std::uint64_t changes_ = 0;
};

}
