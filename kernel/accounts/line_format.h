// Formats with an account on each line.
#pragma once

#include "file_format.h"
#include "file_source.h"
#include "written_account.h"

#include <string>
#include <string_view>

namespace nuncio::kernel::accounts {

class LineFormat : public FileFormat {
public:
    LineFormat(FileSource& source, const AccountFileLimits& limits)
        : limits_(limits)
        , source_(source)
    {
    }
    Result<std::optional<FileEntry>> next() final;

protected:
    virtual Result<WrittenAccount> read(std::string_view line) = 0;

    /// Without its end; false at the end of the file. Too long a line is no bad record: nobody
    /// knows where the next one begins.
    Result<bool> take_line(std::string& line);

private:
    const AccountFileLimits& limits_;
    FileSource& source_;
};

}
