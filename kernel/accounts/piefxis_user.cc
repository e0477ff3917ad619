#include "piefxis_user.h"

#include "file_text.h"

#include <nuncio/crypto.h>
#include <nuncio/scram.h>

#include <charconv>
#include <optional>
#include <utility>

namespace nuncio::kernel::accounts {

namespace {

    constexpr std::string_view ns_scram = "urn:xmpp:pie:0#scram";

    /// COMPAT(ejabberd): `scram:stored-key,server-key,salt,iterations`, later with the hash before
    /// the first key, in place of a password; some versions encode in Base64 twice.
    std::optional<std::pair<ScramHash, ScramKeys>> ejabberd_keys(std::string_view password)
    {
        if (!password.starts_with("scram:"))
            return {};
        auto pieces = split(password.substr(6), ',');
        auto hash = ScramHash::sha1;
        if (pieces.size() == 5) {
            const auto name = pieces.front();
            if (name != "sha" && name != "sha256" && name != "sha512")
                return {};
            hash = name == "sha"   ? ScramHash::sha1
                : name == "sha256" ? ScramHash::sha256
                                   : ScramHash::sha512;
            pieces.erase(pieces.begin());
        }
        if (pieces.size() != 4)
            return {};
        ScramKeys keys;
        const auto number = pieces[3];
        const auto [at, failure]
            = std::from_chars(number.data(), number.data() + number.size(), keys.iterations);
        if (failure != std::errc() || at != number.data() + number.size())
            return {};
        auto stored = from_base64(pieces[0]);
        auto server = from_base64(pieces[1]);
        auto salt = from_base64(pieces[2]);
        if (stored && server && salt && stored->size() != digest_size(hash)) {
            stored = from_base64(*stored);
            server = from_base64(*server);
            salt = from_base64(*salt);
        }
        if (!stored || !server || !salt)
            return {};
        keys.stored_key = std::move(*stored);
        keys.server_key = std::move(*server);
        keys.salt = std::move(*salt);
        if (!problem_with(keys, hash).empty())
            return {};
        return std::pair { hash, std::move(keys) };
    }

    Result<void> read_credentials(ElementRef element, WrittenAccount& written)
    {
        const auto hash = scram_hash(element.attr("mechanism"));
        if (!hash)
            return {}; // of no use here; the others may be
        ScramKeys keys;
        const std::string number = element.child("iter-count").text();
        const auto digits = trimmed(number);
        const auto [at, failure]
            = std::from_chars(digits.data(), digits.data() + digits.size(), keys.iterations);
        const auto salt = from_base64(trimmed(element.child("salt").text()));
        const auto stored = from_base64(trimmed(element.child("stored-key").text()));
        const auto server = from_base64(trimmed(element.child("server-key").text()));
        if (failure != std::errc() || at != digits.data() + digits.size() || !salt || !stored
            || !server)
            return Error { std::string(scram_name(*hash))
                + ": expected iter-count, and salt, stored-key and server-key in Base64" };
        keys.salt = *salt;
        keys.stored_key = *stored;
        keys.server_key = *server;
        return add_keys(written, *hash, std::move(keys));
    }

}

Result<WrittenAccount> read_piefxis_user(ElementRef user, std::string_view host)
{
    WrittenAccount written { .user = std::string(user.attr("name")), .host = std::string(host) };
    for (ElementRef child : user)
        if (child.is("scram-credentials", ns_scram))
            if (auto read = read_credentials(child, written); !read)
                return read.error();
    if (user.has_attr("password")) {
        const auto password = user.attr("password");
        if (auto keys = ejabberd_keys(password)) {
            if (auto added = add_keys(written, keys->first, std::move(keys->second)); !added)
                return added.error();
        } else {
            written.password = password;
        }
    }
    return written;
}

std::string to_piefxis_user(const FileAccount& account)
{
    Element user("user", ns_pie);
    user.attr("name", account.user);
    if (account.password)
        user.attr("password", *account.password);
    for (std::size_t i = 0; i < account.keys.size(); ++i) {
        const auto& keys = account.keys[i];
        if (!keys)
            continue;
        auto credentials = user.add("scram-credentials", ns_scram);
        credentials.attr("mechanism", scram_name(static_cast<ScramHash>(i)));
        credentials.add("iter-count").text(std::to_string(keys->iterations));
        credentials.add("salt").text(to_base64(keys->salt));
        credentials.add("server-key").text(to_base64(keys->server_key));
        credentials.add("stored-key").text(to_base64(keys->stored_key));
    }
    return to_string(user, ns_pie) + '\n';
}

}
