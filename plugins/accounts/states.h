// Accounts that are switched off.
#pragma once

#include <nuncio/storage.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nuncio::accounts {

struct Disabled {
    std::int64_t since = 0; ///< milliseconds since 1970, UTC
    std::string reason;
};

/// All of a host's that are switched off, in memory: a login asks no disk. Until they were read,
/// who logs in waits.
class States {
public:
    explicit States(Store store)
        : store_(std::move(store))
    {
    }

    /// Reads them; on a loop, again after a failure.
    task<Result<void>> load();
    bool is_loaded() const;

    /// What stands against a login of `user`, who has proved to be it; nothing in one look when
    /// they are all in memory and this one is not among them.
    std::optional<Completion<std::optional<Error>>> objection(std::string_view user);
    /// Any thread; nothing before load().
    std::optional<Disabled> find(std::string_view user) const;
    /// Those after `after`, by name; nobody before load().
    std::vector<std::string> list(std::string_view after, std::size_t limit) const;
    std::size_t count() const;

    task<Result<void>> disable(std::string user, Disabled state);
    /// `not_found` when it was not switched off.
    task<Result<void>> enable(std::string user);

private:
    struct Waiting {
        std::string user;
        Completion<std::optional<Error>> answer;
    };

    Store store_;
    mutable std::mutex mutex_;
    bool is_loaded_ = false; // guarded, like what follows
    std::unordered_map<std::string, Disabled> disabled_;
    std::vector<Waiting> waiting_;
};

}
