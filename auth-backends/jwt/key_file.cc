#include "key_file.h"

#include "key_reader.h"

#include <nuncio/crypto.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace nuncio::jwt {

namespace {

    /// Coarser than the clocks of file systems in use.
    constexpr std::time_t settling_seconds = 2;

    class Descriptor {
    public:
        explicit Descriptor(int number)
            : number_(number)
        {
        }
        Descriptor(const Descriptor&) = delete;
        Descriptor& operator=(const Descriptor&) = delete;
        ~Descriptor()
        {
            if (number_ >= 0)
                ::close(number_);
        }
        int operator*() const { return number_; }

    private:
        int number_;
    };

    /// The whole file, or what is wrong with it.
    Result<std::string> read_all(const std::string& path, bool& is_open_to_all)
    {
        // Not to wait for a writer, should it be a pipe.
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        struct stat about { };
        if (*file < 0 || ::fstat(*file, &about) != 0)
            return Error { std::strerror(errno) };
        if (!S_ISREG(about.st_mode))
            return Error { "expected an ordinary file" };
        is_open_to_all = (about.st_mode & S_IROTH) != 0;
        std::string text(most_key_file_bytes + 1, '\0');
        std::size_t size = 0;
        while (size < text.size()) {
            const auto got = ::read(*file, text.data() + size, text.size() - size);
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return Error { std::strerror(errno) };
            if (got == 0)
                break;
            size += static_cast<std::size_t>(got);
        }
        if (size > most_key_file_bytes)
            return Error { "it has more than " + std::to_string(most_key_file_bytes) + " bytes" };
        text.resize(size);
        return text;
    }

}

KeyFile::KeyFile(std::string path, bool may_be_secret, Log& log)
    : path_(std::move(path))
    , may_be_secret_(may_be_secret)
    , log_(log)
{
}

std::shared_ptr<const KeySet> KeyFile::current()
{
    const std::lock_guard lock(mutex_);
    const auto now = look();
    const bool is_same = now && state_ && state_->is_settled && now->device == state_->device
        && now->inode == state_->inode && now->size == state_->size
        && now->changed.tv_sec == state_->changed.tv_sec
        && now->changed.tv_nsec == state_->changed.tv_nsec;
    if (!is_same) {
        state_ = now; // before reading: what changes meanwhile is seen the next time
        read();
    }
    return keys_;
}

std::string KeyFile::trouble() const
{
    const std::lock_guard lock(mutex_);
    return trouble_;
}

std::optional<KeyFile::State> KeyFile::look() const
{
    struct stat about { };
    if (::stat(path_.c_str(), &about) != 0)
        return std::nullopt;
    // The time of the last change of anything about the file: no tool can set it back.
    return State { .device = about.st_dev,
        .inode = about.st_ino,
        .size = about.st_size,
        .changed = about.st_ctim,
        .is_settled = ::time(nullptr) - about.st_ctim.tv_sec > settling_seconds };
}

void KeyFile::read()
{
    bool is_open_to_all = false;
    const auto text = read_all(path_, is_open_to_all);
    if (!text)
        return fail(text.error().text);
    auto digest = nuncio::digest(Hash::sha256, *text);
    if (keys_ && digest == digest_) {
        trouble_.clear();
        return;
    }
    auto set = read_keys(*text, may_be_secret_);
    if (!set)
        return fail(set.error().text);
    keys_ = std::make_shared<const KeySet>(*std::move(set));
    digest_ = std::move(digest);
    trouble_.clear();
    log_.info("{}: {} keys for verifying tokens", path_, keys_->keys.size());
    for (const std::string& ignored : keys_->ignored)
        log_.warn("{}: ignored {}", path_, ignored);
    if (keys_->has_secret && is_open_to_all)
        log_.warn("{} holds a secret, and everybody on this machine may read it", path_);
}

void KeyFile::fail(std::string why)
{
    if (why == trouble_)
        return; // told already
    trouble_ = std::move(why);
    log_.error("{}: {}; {}", path_, trouble_,
        keys_ ? "the keys that it had before stay in use" : "nobody can log in by a token");
}

}
