// A host's storage as its plugins hold it, whichever driver is behind.
#pragma once

#include <nuncio/storage.h>

namespace nuncio::kernel {

class VirtualHost;

/// Outlives every driver, so that one may be replaced under the stores of the others. While a
/// driver hands over batches wait here: those it has taken are done before the next one sees any,
/// so that a caller's batches keep their order. Loops only.
class StorageDoor final : public StorageDriver {
public:
    explicit StorageDoor(VirtualHost& host)
        : host_(host)
    {
    }
    void execute(std::vector<StorageOp> batch, Done done) override;

private:
    VirtualHost& host_;
};

}
