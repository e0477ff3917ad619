#include "derived_keys.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>
#include <nuncio/secret_file.h>

namespace nuncio::sql {

namespace {

    constexpr std::size_t salt_bytes = 16; // as the keys that are stored

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
    auto keys = make_scram_keys(
        *prepared, stable_salt(secret_, user, hash, salt_bytes), iterations_, hash);
    const std::lock_guard lock(mutex_);
    entries_.insert(key_of(user, hash), { hmac(Hash::sha256, secret_, password), keys });
    return keys;
}

Result<std::string> DerivedKeys::load_secret(const std::string& folder)
{
    return nuncio::load_secret(folder + "/salt-secret");
}

}
