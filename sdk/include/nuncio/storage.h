// Storage: asynchronous key-value, map and archive stores. Drivers are plugins.
#pragma once

#include <nuncio/task.h>
#include <nuncio/value.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::inline v1 {

/// One step of a batch. A store is named by plugin ("roster"); an owner is a bare JID, a domain, or
/// empty for the host itself.
struct StorageOp {
    enum class Kind {
        get, ///< value of (owner, key)
        put, ///< set (owner, key) to value
        remove, ///< forget (owner, key); an empty key forgets all of the owner's keys
        list, ///< (key, value) of owner after `key` (empty: from the start), by key
        owners, ///< all owners that have anything in this store
        append, ///< archive: add value at `when`; answers the new item's id
        range, ///< archive: items of owner after `key` (an id; empty: from the start), oldest first
        remove_items, ///< archive: forget items up to and including id `key`; empty: all
        count, ///< archive: how many items the owner has
        expire, ///< archive: forget all items of all owners stamped before `when`
        remove_owner, ///< forget keys and items of the owner in *every* store of the host
        create, ///< as put, but the batch fails with `conflict` when (owner, key) has a value
        replace, ///< as put, but the batch fails with `not_found` when (owner, key) has none
    };
    Kind kind = Kind::get;
    std::string store;
    std::string owner;
    std::string key;
    std::string value;
    std::int64_t when = 0; ///< milliseconds since 1970, UTC
    std::uint32_t limit = 1000; ///< most items of `range` and `list`
    /// A write that may take a moment (under a second) so that the driver can do many at once. The
    /// promises stay: durable when answered, and read by whoever asks after it. A batch takes its
    /// time when all its steps may.
    bool is_unhurried = false;
};

/// One answered row: (key, value), or an archive's (id, value, when).
struct StorageRow {
    std::string key;
    std::string value;
    std::int64_t when = 0;
};

/// What one step answered: rows of get/list/owners/range, the id of append and the number of count
/// in the first row's key.
using StorageAnswer = std::vector<StorageRow>;

/// Implemented by drivers, `provide<StorageDriver>`. One instance per host.
class NUNCIO_API StorageDriver {
public:
    static constexpr std::string_view interface = "storage/1";
    virtual ~StorageDriver();

    /// Carries out the steps in order, all or nothing, and calls `done` once, from any thread.
    /// Writes are durable when it is called. Batches of one caller take effect in the order given.
    /// When the queue is full (a bound of the driver) the answer is an Error of kind `limit` or
    /// `unavailable`; nothing was done then.
    using Done = Function<void(Result<std::vector<StorageAnswer>>)>;
    virtual void execute(std::vector<StorageOp> batch, Done done) = 0;
    /// Somebody waits for what was accepted so far: unhurried writes are due now. Any thread.
    virtual void hurry();
};

/// A plugin's own store on its host. Copies refer to the same store. Use on a loop only.
class NUNCIO_API Store {
public:
    Store() = default;
    Store(StorageDriver& driver, std::string name)
        : driver_(&driver)
        , name_(std::move(name))
    {
    }

    /// Key and value of an owner (see StorageOp). A value that is not there is no error; a write is
    /// durable when it is answered.
    task<Result<std::optional<std::string>>> get(std::string owner, std::string key) const;
    task<Result<void>> put(std::string owner, std::string key, std::string value) const;
    /// The same for what nobody waits for: see StorageOp::is_unhurried.
    task<Result<void>> put_unhurried(std::string owner, std::string key, std::string value) const;
    task<Result<void>> remove(std::string owner, std::string key) const;
    task<Result<std::vector<StorageRow>>> list(std::string owner) const;
    task<Result<std::vector<std::string>>> owners() const;

    /// Archive: answers the item's id; ids of one owner grow.
    task<Result<std::string>> append(std::string owner, std::string value, std::int64_t when) const;
    task<Result<std::vector<StorageRow>>> range(
        std::string owner, std::string after = {}, std::uint32_t limit = 1000) const;
    task<Result<void>> remove_items(std::string owner, std::string up_to = {}) const;
    task<Result<std::uint64_t>> count(std::string owner) const;
    task<Result<void>> expire(std::int64_t before) const;

    /// Several steps as one transaction; the store's name is filled in.
    task<Result<std::vector<StorageAnswer>>> batch(std::vector<StorageOp> steps) const;

private:
    StorageDriver* driver_ = nullptr;
    std::string name_;
};

}
