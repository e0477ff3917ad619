// The file with the keys, which may be replaced while the server runs.
#pragma once

#include "key.h"

#include <nuncio/log.h>
#include <nuncio/value.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace nuncio::jwt {

/// A set with certificates in it takes some kilobytes for each key.
inline constexpr std::size_t most_key_file_bytes = 256 * 1024;

/// Keeps the keys of the last file that was good. Any thread that may wait for a disk.
class KeyFile {
public:
    /// Nothing is read yet. `may_be_secret`: see read_keys(). The log outlives it.
    KeyFile(std::string path, bool may_be_secret, Log& log);

    /// The keys as of now: looks whether the file was changed, and reads it then. Null: there was
    /// never a good one.
    std::shared_ptr<const KeySet> current();
    /// Of the file now on disk; empty when it is in use.
    std::string trouble() const;

private:
    /// Which state of the file was read. Two states that look alike are told apart by their time,
    /// unless the second came within the granularity of the first one's: see `is_settled`.
    struct State {
        dev_t device;
        ino_t inode;
        off_t size;
        timespec changed;
        bool is_settled;
    };
    std::optional<State> look() const;
    void read();
    void fail(std::string why);

    const std::string path_;
    const bool may_be_secret_;
    Log& log_;
    mutable std::mutex mutex_;
    std::optional<State> state_; // guarded, as all below
    std::string digest_; // of the text that the keys came from
    std::string trouble_;
    std::shared_ptr<const KeySet> keys_; // shared: with those who verify while it is replaced
};

}
