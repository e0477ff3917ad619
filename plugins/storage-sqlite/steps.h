// The steps of a batch as SQL.
#pragma once

#include "database.h"

#include <nuncio/storage.h>

#include <vector>

namespace nuncio::storage_sqlite {

/// Changes nothing, so it may run beside the writer.
bool is_read(const StorageOp& op);
bool is_read(const std::vector<StorageOp>& batch);

/// Runs the steps in order inside the open transaction, up to the first that fails; undoing is the
/// caller's.
Result<std::vector<StorageAnswer>> run_steps(
    Database& database, const std::vector<StorageOp>& batch);

}
