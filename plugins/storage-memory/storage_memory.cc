// storage/1 in memory: for tests and trials. What it keeps ends with the instance.
#include "tables.h"

#include <nuncio/plugin.h>

#include <algorithm>
#include <mutex>

namespace nuncio::storage_memory {

struct Settings {
    std::vector<std::string> slow_stores;
    std::vector<std::string> broken_stores;
    std::vector<std::string> full_stores;
    Duration delay = 1s;
};

class StorageMemory final : public Plugin, public StorageDriver {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Keeps everything in memory, for tests and trials")
            .option("slow_stores", &Settings::slow_stores,
                "Stores that answer late, to see what a slow disk does: \"offline\", \"roster\".")
            .option("delay", &Settings::delay, "How late slow stores answer.")
            .range(0, 3600)
            .option("broken_stores", &Settings::broken_stores,
                "Stores that can be written but not read, to see what a broken disk does.")
            .option("full_stores", &Settings::full_stores,
                "Stores that can be read but not written, to see what a full disk does.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        context.provide<StorageDriver>(*this);
        return {};
    }

    void execute(std::vector<StorageOp> batch, Done done) override
    {
        auto answers = [&]() -> Answers {
            if (std::ranges::any_of(batch, [this](const StorageOp& op) { return fails(op); }))
                return Error { "broken, as storage-memory was told", Error::Kind::unavailable };
            const std::lock_guard lock(mutex_);
            return tables_.execute(batch);
        }();
        if (std::ranges::any_of(batch,
                [this](const StorageOp& op) { return has(settings_.slow_stores, op.store); }))
            context_->spawn(answer_late(std::move(done), std::move(answers)));
        else
            done(std::move(answers)); // outside of the lock: it may ask again at once
    }

    void save(Snapshot& snapshot) const override
    {
        const std::lock_guard lock(mutex_);
        tables_.save(snapshot);
    }

    Result<void> restore(const Snapshot& snapshot) override
    {
        const std::lock_guard lock(mutex_);
        tables_.restore(snapshot);
        return {};
    }

private:
    using Answers = Result<std::vector<StorageAnswer>>;

    bool fails(const StorageOp& op) const
    {
        return has(is_read(op.kind) ? settings_.broken_stores : settings_.full_stores, op.store);
    }

    static bool is_read(StorageOp::Kind kind)
    {
        using enum StorageOp::Kind;
        return kind == get || kind == list || kind == owners || kind == range || kind == count;
    }

    static bool has(const std::vector<std::string>& stores, const std::string& store)
    {
        return std::ranges::find(stores, store) != stores.end();
    }

    task<void> answer_late(Done done, Answers answers)
    {
        co_await sleep_for(settings_.delay);
        done(std::move(answers));
    }

    Settings settings_;
    Context* context_ = nullptr;
    mutable std::mutex mutex_;
    Tables tables_;
};

}

NUNCIO_PLUGIN(nuncio::storage_memory::StorageMemory, "storage-memory", "0.1.0",
    "Stores in memory, lost at the end", "provides=storage/1")
