// CSV: the first line names the columns.
#pragma once

#include "line_format.h"

#include <string>
#include <vector>

namespace nuncio::kernel::accounts {

/// RFC 4180, but a record is a line: no account's field has an end of line in it.
class Csv final : public LineFormat {
public:
    using LineFormat::LineFormat;
    /// The first line, which names the columns.
    Result<void> read_header();

protected:
    Result<WrittenAccount> read(std::string_view line) override;

private:
    std::vector<std::string> columns_;
};

}
