// RFC 5802, RFC 7677: the keys that a server keeps instead of a password.
#pragma once

#include <nuncio/auth.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// RFC 7677 §4 asks for at least 4096.
inline constexpr std::uint32_t scram_min_iterations = 4096;

/// Derives keys from a password that prepare_password() has prepared. Costs milliseconds: call it
/// on a worker thread. `iterations` must not be 0.
NUNCIO_API ScramKeys make_scram_keys(
    std::string_view password, std::string salt, std::uint32_t iterations, ScramHash hash);

/// The same from what a client has derived already (RFC 5802 §3 SaltedPassword, XEP-0480). Cheap.
NUNCIO_API ScramKeys scram_keys_of_salted(
    std::string_view salted_password, std::string salt, std::uint32_t iterations, ScramHash hash);

/// A salt for keys that are made when they are asked for, or that stand for nobody: the same every
/// time for the same `secret`, `name` and `hash`. `bytes` is at most 64.
NUNCIO_API std::string stable_salt(
    std::string_view secret, std::string_view name, ScramHash hash, std::size_t bytes);

/// Whether `password`, prepared, is the one these keys were made from. As slow as making them;
/// compares in constant time.
NUNCIO_API bool matches_scram_keys(
    std::string_view password, const ScramKeys& keys, ScramHash hash);

/// RFC 5803: `SCRAM-SHA-256$iterations:salt$stored-key:server-key`, as databases and files keep
/// them.
NUNCIO_API std::string to_text(ScramHash hash, const ScramKeys& keys);
/// Keys that say what they are of.
struct HashedScramKeys {
    ScramHash hash = ScramHash::sha256;
    ScramKeys keys {};
};
/// Reads that; strict, and the error names no part of it. Keys are as long as the digest, and
/// rounds are at most `scram_max_iterations`: nobody's file decides how long a login computes.
NUNCIO_API Result<HashedScramKeys> parse_scram_keys(std::string_view text);
inline constexpr std::uint32_t scram_max_iterations = 10'000'000;
/// What is wrong with keys from elsewhere; empty: nothing.
NUNCIO_API std::string_view problem_with(const ScramKeys& keys, ScramHash hash);
/// "SCRAM-SHA-1" and the others, and back: no value for mechanisms whose keys are not known here.
NUNCIO_API std::string_view scram_name(ScramHash hash);
NUNCIO_API std::optional<ScramHash> scram_hash(std::string_view name);

/// The steps before, for who plays the client: RFC 5802 §3 ClientKey and SaltedPassword.
NUNCIO_API std::string scram_client_key(std::string_view salted_password, ScramHash hash);
NUNCIO_API std::string scram_salted_password(
    std::string_view password, std::string_view salt, std::uint32_t iterations, ScramHash hash);

}
