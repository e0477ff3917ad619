// A folder for one test, with the test kit or without it.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace nuncio::inline v1::testkit {

/// An empty folder among the system's temporary files, mode 0700, that goes with all it holds.
/// Throws std::system_error if it cannot be made.
class TemporaryFolder {
public:
    TemporaryFolder()
        : path_((std::filesystem::temp_directory_path() / "nuncio-test-XXXXXX").string())
    {
        if (!::mkdtemp(path_.data()))
            throw std::system_error(errno, std::generic_category(), path_);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    /// Without a slash at its end.
    const std::string& path() const { return path_; }
    /// Of a file in it, there or not.
    std::string path(std::string_view name) const { return path_ + '/' + std::string(name); }
    /// Replaces what the file held; returns its path.
    std::string write(std::string_view name, std::string_view content) const
    {
        std::string file = path(name);
        std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
        return file;
    }

private:
    std::string path_;
};

}
