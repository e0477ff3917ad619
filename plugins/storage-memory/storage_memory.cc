// storage/1 in memory: for tests and trials. What it keeps ends with the instance.
#include "tables.h"

#include <nuncio/plugin.h>

#include <mutex>

namespace nuncio::storage_memory {

class StorageMemory final : public Plugin, public StorageDriver {
public:
    Result<void> start(Context& context) override
    {
        context.provide<StorageDriver>(*this);
        return {};
    }

    void execute(std::vector<StorageOp> batch, Done done) override
    {
        auto answers = [&] {
            const std::lock_guard lock(mutex_);
            return tables_.execute(batch);
        }();
        done(std::move(answers)); // outside of the lock: it may ask again at once
    }

private:
    std::mutex mutex_;
    Tables tables_;
};

}

NUNCIO_PLUGIN(nuncio::storage_memory::StorageMemory, "storage-memory", "0.1.0",
    "Stores in memory, lost at the end", "provides=storage/1")
