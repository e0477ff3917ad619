// What the tests of the formats share: keys, XML, and a file in memory read to its end. Only tests
// include this.
#pragma once

#include "account_file.h"

#include <nuncio/crypto.h>
#include <nuncio/scram.h>

#include <string>
#include <string_view>

namespace nuncio::kernel::accounts::testing {

inline const ScramKeys& keys(ScramHash hash)
{
    static const ScramKeys all[] = { make_scram_keys("pencil", "salt", 4096, ScramHash::sha1),
        make_scram_keys("pencil", "salt", 4096, ScramHash::sha256),
        make_scram_keys("pencil", "salt", 4096, ScramHash::sha512) };
    return all[static_cast<std::size_t>(hash)];
}

inline std::string text_of(ScramHash hash)
{
    return to_text(hash, keys(hash));
}

/// "LINE user@host password +SHA-1;" of each, and at the end what ended it.
inline std::string read(AccountFile& file, std::size_t most = 2)
{
    std::string told;
    for (;;) {
        const auto entries = file.read(most);
        if (!entries)
            return told + "error " + entries.error().text;
        if (entries->empty())
            return told;
        for (const FileEntry& entry : *entries) {
            told += std::to_string(entry.line) + ' ';
            if (!entry.account) {
                told += "bad: " + entry.account.error().text + ';';
                continue;
            }
            told += entry.account->user + '@' + entry.account->host;
            if (entry.account->password)
                told += ' ' + *entry.account->password;
            for (std::size_t i = 0; i < 3; ++i)
                if (const auto& kept = entry.account->keys[i]) {
                    const auto hash = static_cast<ScramHash>(i);
                    told += matches_scram_keys("pencil", *kept, hash) ? " +" : " !";
                    told += scram_name(hash).substr(6);
                }
            told += ';';
        }
    }
}

inline std::string read(const std::string& text, const AccountFileLimits& limits = {})
{
    return read(*AccountFile::over(text, limits));
}

inline std::string credentials(ScramHash hash)
{
    const ScramKeys& kept = keys(hash);
    return "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='"
        + std::string(scram_name(hash)) + "'><iter-count>4096</iter-count><salt>"
        + to_base64(kept.salt) + "</salt><server-key>" + to_base64(kept.server_key)
        + "</server-key><stored-key>\n" + to_base64(kept.stored_key)
        + "\n</stored-key></scram-credentials>";
}

inline std::string host(std::string_view users, std::string_view jid = "capulet.lit")
{
    return "<host jid='" + std::string(jid) + "'>" + std::string(users) + "</host>";
}

inline std::string document(std::string_view hosts)
{
    return "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>\n"
        + std::string(hosts) + "</server-data>\n";
}

}
