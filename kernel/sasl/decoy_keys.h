// RFC 5802 §9: what users that do not exist seem to have, so that nobody can tell them apart.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/result.h>

#include <atomic>
#include <string>
#include <string_view>

namespace nuncio::kernel::sasl {

/// Derives the same salt for the same name every time. Any thread.
class DecoyKeys {
public:
    /// `secret` decides the salts: keep it across restarts, or they tell decoys from users.
    explicit DecoyKeys(std::string secret)
        : secret_(std::move(secret))
    {
    }

    ScramKeys make(std::string_view domain, std::string_view user, ScramHash hash) const;

    /// What a real user's keys look like; decoys take after them.
    void resemble(const ScramKeys& keys) const;

    /// The secret in `data_dir`, made on first use. An empty folder name: one for this run.
    static Result<std::string> load_secret(const std::string& data_dir);

private:
    std::string secret_;
    mutable std::atomic<std::uint32_t> iterations_ = 4096;
    mutable std::atomic<std::uint32_t> salt_bytes_ = 16;
};

}
