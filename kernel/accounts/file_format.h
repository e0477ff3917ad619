// One of the formats of account files.
#pragma once

#include "file_account.h"

#include <nuncio/result.h>

#include <optional>

namespace nuncio::kernel::accounts {

class FileFormat {
public:
    virtual ~FileFormat() = default;
    /// The next entry; nothing at the end.
    virtual Result<std::optional<FileEntry>> next() = 0;
};

}
