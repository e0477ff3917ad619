#include "account_file.h"

#include "csv.h"
#include "file_source.h"
#include "json_lines.h"
#include "piefxis.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace nuncio::kernel::accounts {

struct AccountFile::State {
    template <class... Args>
    explicit State(const AccountFileLimits& wanted, Args&&... args)
        : limits(wanted)
        , source(std::forward<Args>(args)...)
    {
    }

    /// By how the file begins.
    Result<void> choose()
    {
        if (auto read = source.need(3); !read)
            return read;
        if (source.rest().starts_with("\xEF\xBB\xBF"))
            source.take(3);
        if (auto skipped = source.skip_space(); !skipped)
            return skipped;
        if (source.rest().starts_with('<')) {
            format = std::make_unique<Piefxis>(source, limits, remarks);
            return {};
        }
        if (source.rest().starts_with('{')) {
            format = std::make_unique<JsonLines>(source, limits);
            return {};
        }
        auto csv = std::make_unique<Csv>(source, limits);
        if (auto read = csv->read_header(); !read)
            return read;
        format = std::move(csv);
        return {};
    }

    AccountFileLimits limits;
    FileSource source;
    std::vector<std::string> remarks;
    std::unique_ptr<FileFormat> format; // null: nothing was read yet
    std::optional<Error> failure; // of what comes next
};

AccountFile::AccountFile(std::unique_ptr<State> state)
    : state_(std::move(state))
{
}

AccountFile::~AccountFile() = default;

Result<std::unique_ptr<AccountFile>> AccountFile::open(
    const std::string& path, const AccountFileLimits& limits)
{
    // A fifo would block for as long as nobody writes to it.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status { };
    if (fd < 0 || ::fstat(fd, &status) != 0) {
        const std::string why = std::strerror(errno);
        if (fd >= 0)
            ::close(fd);
        return Error { path + ": " + why + "; the server reads it, as the user it runs as",
            Error::Kind::not_found };
    }
    if (!S_ISREG(status.st_mode)) {
        ::close(fd);
        return Error { path + ": expected an ordinary file" };
    }
    const auto size = std::uint64_t(status.st_size);
    if (size > limits.file_bytes) {
        ::close(fd);
        return Error { path + ": is larger than " + std::to_string(limits.file_bytes) + " bytes",
            Error::Kind::limit };
    }
    return std::unique_ptr<AccountFile>(
        new AccountFile(std::make_unique<State>(limits, fd, size, limits.file_bytes)));
}

std::unique_ptr<AccountFile> AccountFile::over(std::string text, const AccountFileLimits& limits)
{
    return std::unique_ptr<AccountFile>(
        new AccountFile(std::make_unique<State>(limits, std::move(text))));
}

Result<std::vector<FileEntry>> AccountFile::read(std::size_t most)
{
    if (!state_->format)
        if (auto chosen = state_->choose(); !chosen)
            return chosen.error();
    std::vector<FileEntry> entries;
    if (state_->failure)
        return *state_->failure;
    while (entries.size() < most) {
        auto next = state_->format->next();
        if (!next && !entries.empty()) {
            state_->failure = next.error(); // after what stands before it
            break;
        }
        if (!next)
            return next.error();
        if (!*next)
            break;
        entries.push_back(**std::move(next));
    }
    return entries;
}

std::uint64_t AccountFile::bytes_read() const
{
    return state_->source.taken();
}

std::uint64_t AccountFile::bytes() const
{
    return state_->source.size();
}

std::vector<std::string> AccountFile::take_remarks()
{
    return std::exchange(state_->remarks, {});
}

}
