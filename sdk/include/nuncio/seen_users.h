// Users of a service that tells who somebody is, but cannot be asked who exists.
#pragma once

#include <nuncio/lru_map.h>
#include <nuncio/storage.h>
#include <nuncio/task.h>
#include <nuncio/turns.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace nuncio::inline v1 {

/// For an auth backend whose accounts show only when they log in (tokens, a web page's login):
/// whoever has come in once is an account from then on, so that messages wait for them, and nobody
/// else is, so that nothing is kept for names that were made up. Member of a plugin that declares
/// `requires=storage/1`; any loop. A name is kept until it is removed.
class NUNCIO_API SeenUsers {
public:
    /// Keeps them in `store`, and the `cached` latest in memory, too.
    SeenUsers(Store store, std::size_t cached);

    /// Whether the user has come in. Errors are the storage's.
    task<Result<bool>> contains(std::string user);
    /// The user has come in; durable when it is answered. Cheap from the second time on.
    task<Result<void>> add(std::string user);
    /// As if the user had never come in.
    task<Result<void>> remove(std::string user);
    /// By name after `after`, at most `limit`.
    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) const;

private:
    bool is_cached(const std::string& user);
    void cache(const std::string& user);

    const Store store_;
    Turns turns_; // a name that is being removed must not be put into the cache meanwhile
    std::mutex mutex_;
    LruMap<bool> cached_; // guarded; names that are in the store
};

}
