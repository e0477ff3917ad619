// The folder of the scripts, read once for one set of states.
#pragma once

#include <nuncio/result.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace nuncio::lua {

/// Reads `NAME.lua` of one folder; nothing outside of it. What was read stays as it was, so that
/// the states of all loops are made from the same texts.
class Library {
public:
    Library(std::string folder, std::size_t most_bytes)
        : folder_(std::move(folder))
        , most_bytes_(most_bytes)
    {
    }
    const std::string& folder() const { return folder_; }
    /// The text of a script or module. A name is letters, digits, `-` and `_`, and for a module in
    /// a folder below with dots between ("lists.words").
    Result<std::string> read(const std::string& name);
    /// The scripts in the folder itself, by name.
    std::vector<std::string> scripts() const;

private:
    std::string folder_;
    std::size_t most_bytes_;
    std::map<std::string, std::string> read_;
};

/// A file anywhere, for the commands that are given one by the administrator.
Result<std::string> read_script_file(const std::string& path, std::size_t most_bytes);

}
