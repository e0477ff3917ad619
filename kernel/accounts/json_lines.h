// JSON lines: an object for each account.
#pragma once

#include "line_format.h"

namespace nuncio::kernel::accounts {

/// `{"jid":"romeo@example.org","password":"…","keys":["SCRAM-SHA-1$…"]}`; `user` and `host` in
/// place of `jid` will do.
class JsonLines final : public LineFormat {
public:
    using LineFormat::LineFormat;

protected:
    Result<WrittenAccount> read(std::string_view line) override;
};

/// The other way, with the line's end.
std::string to_json_line(const FileAccount& account);

}
