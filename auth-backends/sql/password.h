// What databases keep of passwords: SCRAM keys, crypt(3) hashes, LDAP's and Django's, plain text.
#pragma once

#include <nuncio/scram.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nuncio::sql {

/// Families of what a field may hold, as the option `formats` names them.
enum class Format {
    scram, ///< RFC 5803 text, Dovecot's {SCRAM-SHA-…}, or keys in columns of their own
    crypt, ///< crypt(3), bare or behind {CRYPT} and Dovecot's names of it
    ldap, ///< RFC 2307 with salt: {SSHA}, {SSHA256}, {SSHA512}
    pbkdf2, ///< Django's pbkdf2_sha256$… and pbkdf2_sha1$…
    plain,
    legacy, ///< what is broken today: DES, MD5, NT, and digests without salt
};
inline constexpr std::size_t format_count = 6;
std::string_view to_string(Format format);
std::optional<Format> format_of(std::string_view name);

/// In the order of the option.
using Formats = std::vector<Format>;
bool has(const Formats& formats, Format format);

/// A row, as it is stored.
struct StoredPassword {
    std::string password; ///< or StoredKey in Base64, when the next are set
    std::string salt; ///< Base64
    std::string server_key; ///< Base64
    std::uint32_t iterations = 0;

    bool is_scram_columns() const { return iterations > 0 && !server_key.empty(); }
};

/// Keys by ScramHash, as far as there are any.
struct ScramSecret {
    std::array<std::optional<ScramKeys>, 3> keys;
};
struct CryptSecret {
    std::string hash;
    bool is_prehashed = false; ///< Django's bcrypt_sha256: of the hexadecimal SHA-256
};
struct DigestSecret {
    Hash hash;
    std::string digest;
    std::string salt;
};
struct Pbkdf2Secret {
    Hash hash;
    std::uint32_t iterations;
    std::string salt;
    std::string key;
};
struct PlainSecret {
    std::string password;
};
/// Nothing matches: the account is locked, as /etc/shadow says it.
struct NoSecret { };
using Secret
    = std::variant<NoSecret, ScramSecret, CryptSecret, DigestSecret, Pbkdf2Secret, PlainSecret>;

/// Understands a row. What it finds out of `formats`, or dearer than any login should be, is an
/// error that names the scheme and nothing else of the row.
Result<Secret> read_secret(const StoredPassword& stored, const Formats& formats);

/// Costs what the format costs, milliseconds and more: worker threads only. Hashes that were made
/// by other software are of the password as it was typed; what RFC 8265 prepares it to is tried
/// after that.
bool matches(const Secret& secret, const std::string& password);

/// What is written for a new password. `keys` are those of the first hash, for tables with columns
/// for them.
struct NewPassword {
    std::string text;
    ScramKeys keys {};
};
struct NewPasswordOptions {
    Format format = Format::scram; ///< scram, crypt or plain
    std::vector<ScramHash> hashes; ///< for scram, at least one
    std::uint32_t iterations = 0;
    std::string crypt_prefix; ///< of crypt(3)'s method; empty: its own choice
};
/// As slow as matches().
Result<NewPassword> make_password(const std::string& password, const NewPasswordOptions& options);

/// RFC 5803, a line for each hash.
std::string to_text(const ScramSecret& secret);

/// Bounds on what a row may ask of a login: about ten seconds of a processor.
inline constexpr std::uint32_t max_iterations = 10'000'000; // PBKDF2, and rounds of sha-crypt
inline constexpr int max_bcrypt_cost = 17;
inline constexpr int max_scrypt_memory_log2 = 17; // N of yescrypt and scrypt

}
