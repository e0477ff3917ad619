// The stores of one host in memory.
#pragma once

#include <nuncio/snapshot.h>
#include <nuncio/storage.h>

#include <map>
#include <string>
#include <vector>

namespace nuncio::storage_memory {

/// Not safe for concurrent use.
class Tables {
public:
    /// Carries out a batch, or changes nothing and answers why.
    Result<std::vector<StorageAnswer>> execute(const std::vector<StorageOp>& batch);

    void save(Snapshot& snapshot) const;
    void restore(const Snapshot& snapshot);

private:
    struct Item {
        std::string value;
        std::int64_t when = 0;
    };
    struct Owner {
        std::map<std::string, std::string> values; ///< by key
        std::map<std::uint64_t, Item> items; ///< by id
        bool empty() const { return values.empty() && items.empty(); }
    };
    /// (store, owner): a batch that fails puts back what it touched.
    using Place = std::pair<std::string, std::string>;
    using Owners = std::map<Place, Owner>;

    Result<StorageAnswer> step(const StorageOp& op, Owners& before);
    Owner& change(const Place& place, Owners& before);
    Result<StorageAnswer> put(const StorageOp& op, Owners& before);
    Result<StorageAnswer> range(const StorageOp& op) const;
    Result<StorageAnswer> remove_items(const StorageOp& op, Owners& before);
    const Owner& find(const StorageOp& op) const;

    Owners owners_;
    std::uint64_t last_id_ = 0;
};

}
