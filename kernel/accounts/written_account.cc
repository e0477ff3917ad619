#include "written_account.h"

#include <nuncio/jid.h>

#include <algorithm>

namespace nuncio::kernel::accounts {

Result<void> add_keys(WrittenAccount& written, ScramHash hash, ScramKeys keys)
{
    auto& place = written.keys[static_cast<std::size_t>(hash)];
    if (place)
        return Error { "has keys of one hash twice" };
    if (const auto problem = problem_with(keys, hash); !problem.empty())
        return Error { std::string(scram_name(hash)) + ": " + std::string(problem) };
    place = std::move(keys);
    return {};
}

Result<void> add_keys(WrittenAccount& written, std::string_view text)
{
    auto read = parse_scram_keys(text);
    if (!read)
        return Error { "keys: " + read.error().text };
    return add_keys(written, read->hash, std::move(read->keys));
}

Result<FileAccount> prepare(WrittenAccount written, const AccountFileLimits& limits)
{
    FileAccount account;
    if (!written.jid.empty()) {
        const auto jid = Jid::parse(written.jid);
        if (!jid)
            return Error { "jid: " + jid.error().text };
        if (jid->local().empty() || !jid->is_bare())
            return Error { "jid: expected USER@HOST" };
        account.user = jid->local();
        account.host = jid->domain();
    } else {
        auto user = prepare_local(written.user);
        if (!user || user->empty())
            return Error { "user: " + (user ? "is empty" : user.error().text) };
        account.user = std::move(*user);
        if (!written.host.empty()) {
            auto host = prepare_domain(written.host);
            if (!host)
                return Error { "host: " + host.error().text };
            account.host = std::move(*host);
        }
    }
    const bool has_keys
        = std::ranges::any_of(written.keys, [](const auto& keys) { return keys.has_value(); });
    if (written.password && written.password->empty())
        written.password.reset();
    if (!written.password && !has_keys)
        return Error { "has neither a password nor SCRAM keys" };
    if (written.password && written.password->size() > limits.password_bytes)
        return Error { "the password is longer than " + std::to_string(limits.password_bytes)
            + " bytes" };
    if (written.password && !prepare_password(*written.password))
        return Error { "the password is none that could be typed (RFC 8265)" };
    account.password = std::move(written.password);
    account.keys = std::move(written.keys);
    return account;
}

}
