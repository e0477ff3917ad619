#include "password.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>

#include <algorithm>
#include <charconv>
#include <crypt.h>
#include <cstring>
#include <memory>

namespace nuncio::sql {

namespace {

    constexpr std::string_view format_names[format_count]
        = { "scram", "crypt", "ldap", "pbkdf2", "plain", "legacy" };
    constexpr ScramHash scram_hashes[] = { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 };
    constexpr std::string_view scram_names[] = { "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512" };
    constexpr std::size_t salt_size = 16;
    constexpr std::size_t max_salt_bytes = 1024;

    /// Cuts off and answers what comes before `end`; all of it when there is no `end`.
    std::string_view cut(std::string_view& text, char end)
    {
        const auto at = text.find(end);
        const auto piece = text.substr(0, at);
        text = at == text.npos ? std::string_view() : text.substr(at + 1);
        return piece;
    }

    std::optional<std::uint32_t> number_of(std::string_view text)
    {
        std::uint32_t number = 0;
        const char* const end = text.data() + text.size();
        const auto [at, failure] = std::from_chars(text.data(), end, number);
        if (failure != std::errc() || at != end || text.empty())
            return {};
        return number;
    }

    std::string upper(std::string_view text)
    {
        std::string out(text);
        for (char& c : out)
            if (c >= 'a' && c <= 'z')
                c = static_cast<char>(c - 'a' + 'A');
        return out;
    }

    std::optional<std::string> from_hex(std::string_view text)
    {
        std::string bytes;
        if (text.size() % 2 != 0)
            return {};
        for (std::size_t i = 0; i < text.size(); i += 2) {
            unsigned byte = 0;
            const char* const end = text.data() + i + 2;
            const auto [at, failure] = std::from_chars(text.data() + i, end, byte, 16);
            if (failure != std::errc() || at != end)
                return {};
            bytes += static_cast<char>(byte);
        }
        return bytes;
    }

    Error damaged(std::string_view what)
    {
        return { "a stored password is damaged: expected " + std::string(what),
            Error::Kind::invalid };
    }
    Error too_dear(std::string_view what)
    {
        return { "a stored password costs too much to check: " + std::string(what),
            Error::Kind::limit };
    }

    // ---- SCRAM ----

    Result<ScramKeys> scram_keys_of(std::string_view iterations, std::string_view salt,
        std::string_view stored, std::string_view server)
    {
        const auto count = number_of(iterations);
        const auto decoded_salt = from_base64(salt);
        const auto stored_bytes = from_base64(stored);
        const auto server_bytes = from_base64(server);
        if (!count || *count == 0 || !decoded_salt || decoded_salt->empty()
            || decoded_salt->size() > max_salt_bytes || !stored_bytes || !server_bytes
            || stored_bytes->size() != server_bytes->size())
            return damaged("SCRAM keys as iterations, salt, StoredKey and ServerKey");
        if (*count > max_iterations)
            return too_dear(
                "SCRAM with more than " + std::to_string(max_iterations) + " iterations");
        return ScramKeys { *decoded_salt, *stored_bytes, *server_bytes, *count };
    }

    /// Keys tell their hash by their length.
    std::optional<ScramHash> hash_of(const ScramKeys& keys)
    {
        for (const ScramHash hash : scram_hashes)
            if (keys.stored_key.size() == digest_size(hash))
                return hash;
        return {};
    }

    Result<Secret> keep(Result<ScramKeys> keys, std::optional<ScramHash> expected = {})
    {
        if (!keys)
            return keys.error();
        const auto hash = hash_of(*keys);
        if (!hash || (expected && *expected != *hash))
            return damaged("SCRAM keys of the length of their hash");
        ScramSecret secret;
        secret.keys[static_cast<std::size_t>(*hash)] = *std::move(keys);
        return Secret(std::move(secret));
    }

    Result<Secret> read_scram_columns(const StoredPassword& stored)
    {
        // COMPAT(ejabberd): the hashes after SHA-1 are named before StoredKey.
        std::string_view key = stored.password;
        if (key.starts_with("sha256:") || key.starts_with("sha512:"))
            key.remove_prefix(7);
        return keep(
            scram_keys_of(std::to_string(stored.iterations), stored.salt, key, stored.server_key));
    }

    /// RFC 5803 §2: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, a line for each hash.
    Result<Secret> read_scram_lines(std::string_view text)
    {
        ScramSecret secret;
        while (!text.empty()) {
            auto line = cut(text, '\n');
            const auto name = std::ranges::find(scram_names, cut(line, '$'));
            if (name == std::end(scram_names))
                return damaged("SCRAM-SHA-1, SCRAM-SHA-256 or SCRAM-SHA-512");
            const auto iterations = cut(line, ':');
            const auto salt = cut(line, '$');
            const auto stored = cut(line, ':');
            const auto hash = scram_hashes[name - std::begin(scram_names)];
            auto one = keep(scram_keys_of(iterations, salt, stored, line), hash);
            if (!one)
                return one.error();
            const auto place = static_cast<std::size_t>(hash);
            secret.keys[place] = std::get<ScramSecret>(*one).keys[place];
        }
        return Secret(std::move(secret));
    }

    /// Dovecot: `{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey`.
    Result<Secret> read_scram_fields(std::string_view text, ScramHash hash)
    {
        const auto iterations = cut(text, ',');
        const auto salt = cut(text, ',');
        const auto stored = cut(text, ',');
        return keep(scram_keys_of(iterations, salt, stored, text), hash);
    }

    // ---- crypt(3) ----

    /// By the prefixes of crypt(5).
    Format format_of_crypt(std::string_view hash)
    {
        constexpr std::string_view sound[]
            = { "$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$6$", "$5$", "$sha1$" };
        return std::ranges::any_of(sound, [&](auto prefix) { return hash.starts_with(prefix); })
            ? Format::crypt
            : Format::legacy;
    }

    /// crypt(5): numbers are written in an alphabet that begins with these.
    int crypt_digit(char c)
    {
        constexpr std::string_view digits
            = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        const auto at = digits.find(c);
        return at == digits.npos ? 64 : static_cast<int>(at);
    }

    Result<void> check_cost(std::string_view hash)
    {
        const auto after = [&](std::string_view prefix) {
            return hash.starts_with(prefix) ? hash.substr(prefix.size()) : std::string_view();
        };
        if (hash.starts_with("$2")) {
            const auto cost = number_of(hash.substr(0, 6).substr(4));
            if (hash.size() > 6 && cost && *cost > static_cast<unsigned>(max_bcrypt_cost))
                return too_dear("bcrypt with a cost beyond 2^" + std::to_string(max_bcrypt_cost));
        }
        for (const std::string_view prefix : { "$5$rounds=", "$6$rounds=", "$sha1$" })
            if (auto rest = after(prefix); !rest.empty()) {
                // What libxcrypt cannot read it refuses; more digits than these are too many.
                const auto digits = rest.substr(0, rest.find_first_not_of("0123456789"));
                const auto rounds = number_of(digits);
                if (!digits.empty() && (!rounds || *rounds > max_iterations))
                    return too_dear(
                        "crypt with more than " + std::to_string(max_iterations) + " rounds");
            }
        // yescrypt: flavour, log2(N) - 1, r; scrypt: log2(N), r and p.
        int memory = 0;
        if (const auto rest = after("$7$"); !rest.empty())
            memory = crypt_digit(rest[0]);
        for (const std::string_view prefix : { "$y$", "$gy$" })
            if (const auto rest = after(prefix); rest.size() > 1)
                memory = crypt_digit(rest[1]) + 1;
        if (memory > max_scrypt_memory_log2)
            return too_dear(
                "scrypt or yescrypt with N beyond 2^" + std::to_string(max_scrypt_memory_log2));
        return {};
    }

    /// What crypt(3) works in: 32 KiB, wiped at the end.
    class CryptRoom {
    public:
        CryptRoom()
            : data_(std::make_unique<crypt_data>())
        {
        }
        CryptRoom(const CryptRoom&) = delete;
        CryptRoom& operator=(const CryptRoom&) = delete;
        ~CryptRoom() { explicit_bzero(data_.get(), sizeof *data_); }

        /// Empty when it cannot be done: a damaged hash, a password that is too long.
        std::string run(const std::string& password, const std::string& setting)
        {
            const char* const made
                = crypt_rn(password.c_str(), setting.c_str(), data_.get(), sizeof *data_);
            return made ? made : "";
        }

    private:
        std::unique_ptr<crypt_data> data_;
    };

    bool matches_crypt(const std::string& password, const CryptSecret& secret)
    {
        if (password.find('\0') != std::string::npos)
            return false; // it would be taken for a shorter one
        CryptRoom room;
        const auto made = room.run(
            secret.is_prehashed ? to_hex(digest(Hash::sha256, password)) : password, secret.hash);
        return !made.empty() && equal_in_constant_time(made, secret.hash);
    }

    Result<Secret> read_crypt(std::string_view hash, const Formats& formats, std::string_view named)
    {
        const Format format = format_of_crypt(hash);
        if (!has(formats, format))
            return Error { "a stored password is a hash of crypt(3) (" + std::string(named)
                + "), which is of the format \"" + std::string(to_string(format))
                + "\" that `formats` does not list" };
        if (const auto checked = check_cost(hash); !checked)
            return checked.error();
        return Secret(CryptSecret { std::string(hash) });
    }

    /// `$6$`, `$2y$`: all of a hash that may be told.
    std::string_view crypt_name(std::string_view hash)
    {
        if (!hash.starts_with('$'))
            return "DES";
        const auto end = hash.find('$', 1);
        return end == hash.npos || end > 8 ? "$" : hash.substr(0, end + 1);
    }

    // ---- {SCHEME} ----

    struct DigestScheme {
        std::string_view name;
        Hash hash;
        bool is_salted;
    };
    constexpr DigestScheme digest_schemes[] = {
        { "SSHA", Hash::sha1, true },
        { "SSHA256", Hash::sha256, true },
        { "SSHA512", Hash::sha512, true },
        { "SHA", Hash::sha1, false },
        { "SHA1", Hash::sha1, false },
        { "SHA256", Hash::sha256, false },
        { "SHA512", Hash::sha512, false },
    };
    constexpr std::string_view crypt_schemes[]
        = { "CRYPT", "BLF-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "MD5-CRYPT", "DES-CRYPT" };
    constexpr std::string_view plain_schemes[] = { "PLAIN", "CLEAR", "CLEARTEXT" };

    template <std::size_t N>
    bool contains(const std::string_view (&names)[N], std::string_view name)
    {
        return std::ranges::find(names, name) != std::end(names);
    }

    Error not_listed(std::string_view scheme, Format format)
    {
        return { "a stored password is of the scheme " + std::string(scheme)
            + ", which is of the format \"" + std::string(to_string(format))
            + "\" that `formats` does not list" };
    }

    /// RFC 2307 §5.3 with Dovecot's and OpenLDAP's names.
    Result<Secret> read_scheme(std::string_view text, const Formats& formats)
    {
        auto rest = text.substr(1);
        const auto written = cut(rest, '}');
        const std::string shown = "{" + std::string(written) + "}";
        std::string name = upper(written);
        // Dovecot: how the bytes are written may follow.
        const bool is_hex = name.ends_with(".HEX");
        if (is_hex || name.ends_with(".B64"))
            name.resize(name.size() - 4);

        if (contains(crypt_schemes, name))
            return read_crypt(rest, formats, shown);
        if (contains(plain_schemes, name)) {
            if (!has(formats, Format::plain))
                return not_listed(shown, Format::plain);
            return Secret(PlainSecret { std::string(rest) });
        }
        if (const auto scram = std::ranges::find(scram_names, name);
            scram != std::end(scram_names)) {
            if (!has(formats, Format::scram))
                return not_listed(shown, Format::scram);
            return read_scram_fields(rest, scram_hashes[scram - std::begin(scram_names)]);
        }
        const auto scheme = std::ranges::find(digest_schemes, name, &DigestScheme::name);
        if (scheme == std::end(digest_schemes))
            return Error { "a stored password is of the scheme " + shown
                + ", which nuncio does not know" };
        const Format format = scheme->is_salted ? Format::ldap : Format::legacy;
        if (!has(formats, format))
            return not_listed(shown, format);
        const auto bytes = is_hex ? from_hex(rest) : from_base64(rest);
        const auto size = digest_size(scheme->hash);
        if (!bytes || bytes->size() < size || bytes->size() > size + max_salt_bytes
            || (bytes->size() > size) != scheme->is_salted)
            return damaged(
                shown + (scheme->is_salted ? " with a digest and its salt" : " with a digest"));
        return Secret(DigestSecret { scheme->hash, bytes->substr(0, size), bytes->substr(size) });
    }

    // ---- Django ----

    /// `pbkdf2_sha256$iterations$salt$key`
    Result<Secret> read_pbkdf2(std::string_view text, const Formats& formats)
    {
        const auto name = cut(text, '$');
        const Hash hash = name == "pbkdf2_sha1" ? Hash::sha1 : Hash::sha256;
        if (!has(formats, Format::pbkdf2))
            return not_listed(name, Format::pbkdf2);
        const auto iterations = number_of(cut(text, '$'));
        const auto salt = cut(text, '$');
        const auto key = from_base64(text);
        if (!iterations || *iterations == 0 || salt.size() > max_salt_bytes || !key
            || key->size() != digest_size(hash))
            return damaged(std::string(name) + "$iterations$salt$key");
        if (*iterations > max_iterations)
            return too_dear(std::string(name) + " with more than " + std::to_string(max_iterations)
                + " iterations");
        return Secret(Pbkdf2Secret { hash, *iterations, std::string(salt), *key });
    }

    Result<Secret> read_django_bcrypt(std::string_view text, const Formats& formats)
    {
        const bool is_prehashed = cut(text, '$') == "bcrypt_sha256";
        auto secret = read_crypt(text, formats, is_prehashed ? "bcrypt_sha256" : "bcrypt");
        if (secret)
            std::get<CryptSecret>(*secret).is_prehashed = is_prehashed;
        return secret;
    }

    bool looks_like_des(std::string_view text)
    {
        return text.size() == 13
            && std::ranges::all_of(text, [](char c) { return crypt_digit(c) < 64; });
    }

    // ---- comparing ----

    /// Of equal length, so that not even that is told.
    bool equal_texts(const std::string& a, const std::string& b)
    {
        static const std::string key = random_bytes(32);
        return equal_in_constant_time(hmac(Hash::sha256, key, a), hmac(Hash::sha256, key, b));
    }

    struct Matches {
        const std::string& password;

        bool operator()(const NoSecret&) const { return false; }
        bool operator()(const ScramSecret& secret) const
        {
            const auto prepared = prepare_password(password);
            if (!prepared)
                return false;
            // The soundest that there is decides; all were made of one password.
            for (const ScramHash hash : { ScramHash::sha256, ScramHash::sha512, ScramHash::sha1 })
                if (const auto& keys = secret.keys[static_cast<std::size_t>(hash)])
                    return matches_scram_keys(*prepared, *keys, hash);
            return false;
        }
        bool operator()(const CryptSecret& secret) const
        {
            return as_typed_or_prepared(
                [&](const std::string& text) { return matches_crypt(text, secret); });
        }
        bool operator()(const DigestSecret& secret) const
        {
            return as_typed_or_prepared([&](const std::string& text) {
                return equal_in_constant_time(
                    digest(secret.hash, text + secret.salt), secret.digest);
            });
        }
        bool operator()(const Pbkdf2Secret& secret) const
        {
            return as_typed_or_prepared([&](const std::string& text) {
                return equal_in_constant_time(
                    scram_salted_password(text, secret.salt, secret.iterations, secret.hash),
                    secret.key);
            });
        }
        bool operator()(const PlainSecret& secret) const
        {
            const auto known = prepare_password(secret.password);
            return as_typed_or_prepared([&](const std::string& text) {
                const bool is_same = equal_texts(text, secret.password);
                const bool is_prepared = equal_texts(text, known ? *known : secret.password);
                return is_same || is_prepared;
            });
        }

        template <class Compare>
        bool as_typed_or_prepared(Compare compare) const
        {
            if (compare(password))
                return true;
            const auto prepared = prepare_password(password);
            return prepared && *prepared != password && compare(*prepared);
        }
    };

}

std::string_view to_string(Format format)
{
    return format_names[static_cast<std::size_t>(format)];
}

std::optional<Format> format_of(std::string_view name)
{
    const auto found = std::ranges::find(format_names, name);
    if (found == std::end(format_names))
        return {};
    return static_cast<Format>(found - std::begin(format_names));
}

bool has(const Formats& formats, Format format)
{
    return std::ranges::find(formats, format) != formats.end();
}

Result<Secret> read_secret(const StoredPassword& stored, const Formats& formats)
{
    if (stored.is_scram_columns())
        return has(formats, Format::scram) ? read_scram_columns(stored)
                                           : Result<Secret>(not_listed("SCRAM", Format::scram));
    const std::string_view text = stored.password;
    if (text.empty())
        return Secret(NoSecret());
    // Nothing else may stand there, so nothing means anything else.
    if (formats.size() == 1 && formats.front() == Format::plain)
        return Secret(PlainSecret { stored.password });
    if (text.starts_with("SCRAM-SHA-"))
        return has(formats, Format::scram) ? read_scram_lines(text)
                                           : Result<Secret>(not_listed("SCRAM", Format::scram));
    if (text.front() == '{' && text.find('}') != text.npos)
        return read_scheme(text, formats);
    if (text.starts_with("pbkdf2_sha256$") || text.starts_with("pbkdf2_sha1$"))
        return read_pbkdf2(text, formats);
    if (text.starts_with("bcrypt$") || text.starts_with("bcrypt_sha256$"))
        return read_django_bcrypt(text, formats);
    if (text.front() == '$' || (text.front() == '_' && text.size() == 20))
        return read_crypt(text, formats, crypt_name(text));
    if (has(formats, Format::plain))
        return Secret(PlainSecret { stored.password });
    // shadow(5): what no hash can be locks the account.
    if (text.front() == '!' || text.front() == '*' || text == "x")
        return Secret(NoSecret());
    if (looks_like_des(text))
        return read_crypt(text, formats, "DES");
    return Error { "a stored password is of no format that nuncio knows, unless it is plain text, "
                   "which `formats` does not list" };
}

bool matches(const Secret& secret, const std::string& password)
{
    return std::visit(Matches { password }, secret);
}

std::string to_text(const ScramSecret& secret)
{
    std::string text;
    for (std::size_t i = 0; i < secret.keys.size(); ++i) {
        const auto& keys = secret.keys[i];
        if (!keys)
            continue;
        if (!text.empty())
            text += '\n';
        text += scram_names[i];
        text += "$" + std::to_string(keys->iterations) + ":" + to_base64(keys->salt) + "$"
            + to_base64(keys->stored_key) + ":" + to_base64(keys->server_key);
    }
    return text;
}

Result<NewPassword> make_password(const std::string& password, const NewPasswordOptions& options)
{
    const auto prepared = prepare_password(password);
    if (!prepared)
        return prepared.error();
    if (options.format == Format::plain)
        return NewPassword { password };
    if (options.format == Format::crypt) {
        if (password.find('\0') != std::string::npos)
            return Error { "expected a password without NUL" };
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];
        const char* const prefix
            = options.crypt_prefix.empty() ? nullptr : options.crypt_prefix.c_str();
        CryptRoom room;
        std::string hash;
        if (crypt_gensalt_rn(prefix, 0, nullptr, 0, setting, sizeof setting))
            hash = room.run(password, setting);
        if (hash.empty())
            return Error { "crypt(3) cannot hash this password with "
                + (options.crypt_prefix.empty() ? "its own method" : options.crypt_prefix) };
        return NewPassword { std::move(hash) };
    }
    ScramSecret secret;
    for (const ScramHash hash : options.hashes)
        secret.keys[static_cast<std::size_t>(hash)]
            = make_scram_keys(*prepared, random_bytes(salt_size), options.iterations, hash);
    return NewPassword { to_text(secret),
        *secret.keys[static_cast<std::size_t>(options.hashes.front())] };
}

}
