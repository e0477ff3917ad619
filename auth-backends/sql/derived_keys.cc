#include "derived_keys.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace nuncio::sql {

namespace {

    constexpr std::size_t secret_bytes = 32;
    constexpr std::size_t salt_bytes = 16; // as the keys that are stored

    Error file_error(const std::string& path, std::string_view doing)
    {
        return { path + ": cannot " + std::string(doing) + ": " + std::strerror(errno),
            Error::Kind::unavailable };
    }

}

std::string DerivedKeys::key_of(const std::string& user, ScramHash hash) const
{
    return user + '\0' + static_cast<char>('0' + static_cast<int>(hash));
}

std::optional<ScramKeys> DerivedKeys::find(
    const std::string& user, ScramHash hash, const std::string& password)
{
    const auto mark = hmac(Hash::sha256, secret_, password);
    const std::lock_guard lock(mutex_);
    const Entry* const known = entries_.find(key_of(user, hash));
    if (!known || !equal_in_constant_time(known->password_mark, mark))
        return {};
    return known->keys;
}

Result<ScramKeys> DerivedKeys::make(
    const std::string& user, ScramHash hash, const std::string& password)
{
    if (auto kept = find(user, hash, password))
        return *std::move(kept);
    const auto prepared = prepare_password(password);
    if (!prepared)
        return Error { "a stored password cannot be prepared: " + prepared.error().text };
    const auto key = key_of(user, hash);
    auto salt = hmac(Hash::sha256, secret_, key);
    salt.resize(salt_bytes);
    auto keys = make_scram_keys(*prepared, std::move(salt), iterations_, hash);
    const std::lock_guard lock(mutex_);
    entries_.insert(key, { hmac(Hash::sha256, secret_, password), keys });
    return keys;
}

Result<std::string> DerivedKeys::load_secret(const std::string& folder)
{
    const std::string path = folder + "/salt-secret";
    const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
        const auto secret = random_bytes(secret_bytes);
        const auto written = ::write(made, secret.data(), secret.size());
        const bool closed = ::close(made) == 0;
        if (written == static_cast<ssize_t>(secret.size()) && closed)
            return secret;
        auto error = file_error(path, "write it");
        ::unlink(path.c_str());
        return error;
    }
    if (errno != EEXIST)
        return file_error(path, "create it");
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return file_error(path, "open it");
    std::string secret(secret_bytes, '\0');
    const auto count = ::read(file, secret.data(), secret.size());
    ::close(file);
    if (count != static_cast<ssize_t>(secret_bytes))
        return Error { path + ": expected " + std::to_string(secret_bytes)
            + " bytes; remove the file to have it made anew" };
    return secret;
}

}
