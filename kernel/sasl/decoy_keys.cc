#include "decoy_keys.h"

#include <nuncio/crypto.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::size_t secret_bytes = 32;

    Error file_error(const std::string& path, std::string_view doing)
    {
        return { path + ": " + std::string(doing) + ": " + std::strerror(errno),
            Error::Kind::unavailable };
    }

}

ScramKeys DecoyKeys::make(std::string_view domain, std::string_view user, ScramHash hash) const
{
    std::string name(domain);
    name += '\0';
    name += user;
    name += '\0';
    name += static_cast<char>('0' + static_cast<int>(hash));
    std::string salt = hmac(Hash::sha512, secret_, name);
    salt.resize(std::min<std::size_t>(salt.size(), salt_bytes_.load(std::memory_order_relaxed)));
    ScramKeys keys;
    // Nobody knows a password for these: they are a digest of the secret, not of ClientKey.
    keys.stored_key = hmac(hash, secret_, salt);
    keys.server_key = hmac(hash, secret_, keys.stored_key);
    keys.salt = std::move(salt);
    keys.iterations = iterations_.load(std::memory_order_relaxed);
    return keys;
}

void DecoyKeys::resemble(const ScramKeys& keys) const
{
    iterations_.store(keys.iterations, std::memory_order_relaxed);
    salt_bytes_.store(static_cast<std::uint32_t>(std::clamp<std::size_t>(keys.salt.size(), 8, 64)),
        std::memory_order_relaxed);
}

Result<std::string> DecoyKeys::load_secret(const std::string& data_dir)
{
    if (data_dir.empty())
        return random_bytes(secret_bytes);
    const std::string path = data_dir + "/scram-decoy-secret";
    const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
        const auto secret = random_bytes(secret_bytes);
        const auto written = ::write(made, secret.data(), secret.size());
        const bool closed = ::close(made) == 0;
        if (written == static_cast<ssize_t>(secret.size()) && closed)
            return secret;
        const auto error = file_error(path, "cannot write it");
        ::unlink(path.c_str());
        return error;
    }
    if (errno != EEXIST)
        return file_error(path, "cannot create it");
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return file_error(path, "cannot open it");
    std::string secret(secret_bytes, '\0');
    const auto count = ::read(file, secret.data(), secret.size());
    ::close(file);
    if (count != static_cast<ssize_t>(secret_bytes))
        return Error { path + ": expected " + std::to_string(secret_bytes)
                + " bytes; remove the file to have it made anew",
            Error::Kind::invalid };
    return secret;
}

}
