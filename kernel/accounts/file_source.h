// The bytes of a file, a piece at a time, with the number of the line they are in.
#pragma once

#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nuncio::kernel::accounts {

/// Blocks. What rest() answers lives until the next call that is not const.
class FileSource {
public:
    /// Over what is in memory.
    explicit FileSource(std::string text);
    /// Takes the descriptor; a file that turns out to have more than `most` bytes is an error.
    FileSource(int fd, std::uint64_t size, std::uint64_t most);
    FileSource(const FileSource&) = delete;
    FileSource& operator=(const FileSource&) = delete;
    ~FileSource();

    /// What has been read and not been taken.
    std::string_view rest() const { return std::string_view(buffer_).substr(at_); }
    /// Reads on; false at the end.
    Result<bool> more();
    void take(std::size_t count);
    Result<void> skip_space();
    /// At least so many bytes, unless the end comes first.
    Result<void> need(std::size_t count);

    std::uint64_t line() const { return line_; }
    std::uint64_t taken() const { return read_ - rest().size(); }
    std::uint64_t size() const { return size_; }

private:
    int fd_ = -1;
    std::string buffer_;
    std::size_t at_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t read_ = 0;
    std::uint64_t most_ = 0;
    std::uint64_t line_ = 1;
};

/// An error of the file itself.
Error at_line(std::uint64_t line, const std::string& text);

}
