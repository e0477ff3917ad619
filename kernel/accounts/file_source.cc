#include "file_source.h"

#include "file_text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace nuncio::kernel::accounts {

namespace {

    constexpr std::size_t chunk = 65536;

}

Error at_line(std::uint64_t line, const std::string& text)
{
    return Error { std::to_string(line) + ": " + text };
}

FileSource::FileSource(std::string text)
    : buffer_(std::move(text))
    , size_(buffer_.size())
    , read_(buffer_.size())
{
}

FileSource::FileSource(int fd, std::uint64_t size, std::uint64_t most)
    : fd_(fd)
    , size_(size)
    , most_(most)
{
}

FileSource::~FileSource()
{
    if (fd_ >= 0)
        ::close(fd_);
}

Result<bool> FileSource::more()
{
    if (fd_ < 0)
        return false;
    buffer_.erase(0, at_);
    at_ = 0;
    const std::size_t before = buffer_.size();
    buffer_.resize(before + chunk);
    ssize_t count = -1;
    do
        count = ::read(fd_, buffer_.data() + before, chunk);
    while (count < 0 && errno == EINTR);
    buffer_.resize(before + std::size_t(std::max<ssize_t>(count, 0)));
    if (count < 0)
        return at_line(line_, std::string("cannot be read: ") + std::strerror(errno));
    read_ += std::uint64_t(count);
    // It may have grown since it was opened.
    if (read_ > most_)
        return at_line(line_, "the file is larger than " + std::to_string(most_) + " bytes");
    return count > 0;
}

void FileSource::take(std::size_t count)
{
    line_ += std::uint64_t(std::count(buffer_.begin() + std::ptrdiff_t(at_),
        buffer_.begin() + std::ptrdiff_t(at_ + count), '\n'));
    at_ += count;
}

Result<void> FileSource::skip_space()
{
    for (;;) {
        const auto text = rest();
        std::size_t count = 0;
        while (count < text.size() && is_space(text[count]))
            ++count;
        const bool is_all = count == text.size();
        take(count);
        if (!is_all)
            return {};
        const auto has_more = more();
        if (!has_more)
            return has_more.error();
        if (!*has_more)
            return {};
    }
}

Result<void> FileSource::need(std::size_t count)
{
    while (rest().size() < count) {
        const auto has_more = more();
        if (!has_more)
            return has_more.error();
        if (!*has_more)
            break;
    }
    return {};
}

}
