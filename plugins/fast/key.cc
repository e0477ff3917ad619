#include "key.h"

#include <nuncio/crypto.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nuncio::fast {

namespace {

    constexpr std::size_t key_bytes = 32;

    Error trouble(const std::string& path, std::string_view doing)
    {
        return { path + ": " + std::string(doing) + ": " + std::strerror(errno),
            Error::Kind::unavailable };
    }

    Result<std::string> make_key(const std::string& path)
    {
        // Under its name only when it is whole: half a key would lock everybody out for ever.
        const std::string draft = path + ".new";
        const int file
            = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0)
            return trouble(draft, "cannot create it");
        const auto key = random_bytes(key_bytes);
        const bool written
            = ::write(file, key.data(), key.size()) == ssize_t(key.size()) && ::fsync(file) == 0;
        if (::close(file) != 0 || !written || ::rename(draft.c_str(), path.c_str()) != 0) {
            const auto error = trouble(draft, "cannot write it");
            ::unlink(draft.c_str());
            return error;
        }
        return key;
    }

}

Result<std::string> load_key(const std::string& folder)
{
    const std::string path = folder + "/key";
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? make_key(path)
                               : Result<std::string>(trouble(path, "cannot open it"));
    std::string key(key_bytes, '\0');
    const auto count = ::read(file, key.data(), key.size());
    ::close(file);
    if (count != ssize_t(key_bytes))
        return Error { path + ": expected " + std::to_string(key_bytes)
                + " bytes; remove the file to have it made anew, which ends all tokens",
            Error::Kind::invalid };
    return key;
}

std::string derive_secret(
    const std::string& key, std::string_view owner, std::string_view client, std::string_view id)
{
    std::string name(owner);
    name.append(1, '\0').append(client).append(1, '\0').append(id);
    // RFC 8959: found by whoever looks for secrets in places where they do not belong.
    return "secret-token:fast-" + to_hex(hmac(Hash::sha256, key, name));
}

}
