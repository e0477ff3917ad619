#include "key.h"

#include <nuncio/crypto.h>
#include <nuncio/secret_file.h>

namespace nuncio::fast {

Result<std::string> load_key(const std::string& folder)
{
    return load_secret(folder + "/key");
}

std::string derive_secret(
    const std::string& key, std::string_view owner, std::string_view client, std::string_view id)
{
    std::string name(owner);
    name.append(1, '\0').append(client).append(1, '\0').append(id);
    // RFC 8959: found by whoever looks for secrets in places where they do not belong.
    return "secret-token:fast-" + to_hex(hmac(Hash::sha256, key, name));
}

std::string seal_mark(const std::string& key, std::string_view owner, std::string_view mark)
{
    if (mark.empty())
        return {};
    // Never the same bytes as for a secret: an owner has an @ in it.
    std::string name("password mark");
    name.append(1, '\0').append(owner).append(1, '\0').append(mark);
    return to_hex(hmac(Hash::sha256, key, name));
}

}
