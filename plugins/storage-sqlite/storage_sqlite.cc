// storage/1 on an embedded SQLite database: the default driver, one file for each host.
#include "writer.h"

#include <nuncio/plugin.h>

#include <optional>

namespace nuncio::storage_sqlite {

struct Settings {
    std::string file = "nuncio.db";
    std::string synchronous = "full";
    Bytes queue_limit { 64 * 1024 * 1024 };
};

class StorageSqlite final : public Plugin, public StorageDriver {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Keeps everything in an SQLite database")
            .option("file", &Settings::file,
                "The database file; a relative name lies in the plugin's data folder.")
            .option("synchronous", &Settings::synchronous,
                "full: what was acknowledged survives a power failure. normal: it survives the end "
                "of the server's process, but a power failure may take the latest moments.")
            .choices({ "full", "normal" })
            .option("queue_limit", &Settings::queue_limit,
                "The most that may wait to be written; beyond it, changes are refused.")
            .range(64 * 1024, 16e9);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.file.empty())
            return config.error("file", "expected the name of a file");
        return {};
    }

    Result<void> start(Context& context) override
    {
        const auto path = settings_.file.front() == '/'
            ? settings_.file
            : context.data_folder() + "/" + settings_.file;
        const auto host = context.host().domain();
        auto writer = Database::open(path, Database::Mode::write, settings_.synchronous, host);
        if (!writer)
            return writer.error();
        auto reader = Database::open(path, Database::Mode::read, settings_.synchronous, host);
        if (!reader)
            return reader.error();
        writer_.emplace(std::move(*writer), std::move(*reader), settings_.queue_limit.count);
        context.provide<StorageDriver>(*this);
        return {};
    }

    void execute(std::vector<StorageOp> batch, Done done) override
    {
        writer_->execute(std::move(batch), std::move(done));
    }

    void hurry() override { writer_->hurry(); }

private:
    Settings settings_;
    std::optional<Writer> writer_;
};

}

NUNCIO_PLUGIN(nuncio::storage_sqlite::StorageSqlite, "storage-sqlite", "0.1.0",
    "Stores in an embedded SQLite database", "provides=storage/1")
