#include <nuncio/crypto.h>
#include <nuncio/secret_file.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace nuncio::inline v1 {

namespace {

    Error trouble(const std::string& path, std::string_view doing)
    {
        return { path + ": " + std::string(doing) + ": " + std::strerror(errno),
            Error::Kind::unavailable };
    }

    Result<std::string> make_secret(const std::string& path, std::size_t bytes)
    {
        // Under its name only when it is whole: half of one would be taken for good.
        const std::string draft = path + ".new";
        const int file
            = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0)
            return trouble(draft, "cannot create it");
        const auto secret = random_bytes(bytes);
        const bool written = ::write(file, secret.data(), bytes) == static_cast<ssize_t>(bytes)
            && ::fsync(file) == 0;
        if (::close(file) != 0 || !written || ::rename(draft.c_str(), path.c_str()) != 0) {
            auto error = trouble(draft, "cannot write it");
            ::unlink(draft.c_str());
            return error;
        }
        return secret;
    }

}

Result<std::string> load_secret(const std::string& path, std::size_t bytes)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? make_secret(path, bytes)
                               : Result<std::string>(trouble(path, "cannot open it"));
    // One more than there should be: a longer file is another one.
    std::string secret(bytes + 1, '\0');
    const auto count = ::read(file, secret.data(), secret.size());
    ::close(file);
    if (count != static_cast<ssize_t>(bytes))
        return Error { path + ": expected " + std::to_string(bytes)
            + " bytes; remove the file to have it made anew, which ends all that was derived from "
              "it" };
    secret.resize(bytes);
    return secret;
}

}
