#include "decoy.h"

#include <nuncio/crypto.h>

namespace nuncio::sql {

namespace {

    constexpr std::uint32_t django_iterations = 600'000; // of Django 4.2, until one is seen

    Secret make_secret(const NewPasswordOptions& options)
    {
        const std::string password = to_hex(random_bytes(16));
        switch (options.format) {
        case Format::ldap:
        case Format::legacy:
            return DigestSecret { Hash::sha512, digest(Hash::sha512, password), "salt" };
        case Format::pbkdf2:
            return Pbkdf2Secret { Hash::sha256, django_iterations, password, password };
        case Format::plain:
            return PlainSecret { password };
        case Format::crypt:
            if (auto made = make_password(password, options))
                return CryptSecret { made->text };
            return NoSecret();
        case Format::scram:
            break;
        }
        ScramSecret secret;
        secret.keys[static_cast<std::size_t>(ScramHash::sha256)]
            = make_scram_keys(password, random_bytes(16), options.iterations, ScramHash::sha256);
        return secret;
    }

}

std::shared_ptr<const Secret> Decoy::secret()
{
    {
        const std::lock_guard lock(mutex_);
        if (secret_)
            return secret_;
    }
    auto made = std::make_shared<const Secret>(make_secret(options_));
    const std::lock_guard lock(mutex_);
    if (!secret_)
        secret_ = std::move(made);
    return secret_;
}

void Decoy::resemble(const Secret& secret)
{
    if (std::holds_alternative<NoSecret>(secret))
        return;
    auto copy = std::make_shared<const Secret>(secret);
    const std::lock_guard lock(mutex_);
    secret_ = std::move(copy);
}

}
