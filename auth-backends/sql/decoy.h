// What is compared for users that do not exist, so that the time it takes tells no names.
#pragma once

#include "password.h"

#include <memory>
#include <mutex>

namespace nuncio::sql {

/// Costs as much as the last password that was compared. Any thread.
class Decoy {
public:
    explicit Decoy(NewPasswordOptions options)
        : options_(std::move(options))
    {
    }

    /// Something to compare with. The first time as slow as matches(): worker threads only.
    std::shared_ptr<const Secret> secret();
    /// From now on, take after this one.
    void resemble(const Secret& secret);

private:
    const NewPasswordOptions options_;
    std::mutex mutex_;
    std::shared_ptr<const Secret> secret_; // shared: by those who compare with it now
};

}
