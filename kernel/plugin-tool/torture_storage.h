// A storage driver before the real one, that fails or hesitates when it is told to.
#pragma once

#include <nuncio/storage.h>

#include <deque>

namespace nuncio::tool {

/// On one thread, as everything in a test's server.
class TortureStorage final : public StorageDriver {
public:
    enum class Mood { willing, failing, slow };

    explicit TortureStorage(StorageDriver& real)
        : real_(real)
    {
    }

    void execute(std::vector<StorageOp> batch, Done done) override;
    /// What a slow one held back is carried out, in its order, as soon as it is not slow any more.
    void set_mood(Mood mood);

private:
    struct Held {
        std::vector<StorageOp> batch;
        Done done;
    };
    StorageDriver& real_;
    Mood mood_ = Mood::willing;
    std::deque<Held> held_;
};

}
