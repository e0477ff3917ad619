#include "hashed_token.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>

#include <algorithm>

namespace nuncio::kernel::sasl {

namespace {

    using Kind = MechanismInfo::Kind;
    constexpr MechanismInfo hashed_token_mechanisms[] = {
        { "HT-SHA-512-EXPR", Kind::hashed_token, ScramHash::sha512 },
        { "HT-SHA-256-EXPR", Kind::hashed_token, ScramHash::sha256 },
        { "HT-SHA-512-ENDP", Kind::hashed_token, ScramHash::sha512 },
        { "HT-SHA-256-ENDP", Kind::hashed_token, ScramHash::sha256 },
        { "HT-SHA-512-NONE", Kind::hashed_token, ScramHash::sha512 },
        { "HT-SHA-256-NONE", Kind::hashed_token, ScramHash::sha256 },
    };

}

std::span<const MechanismInfo> token_mechanisms()
{
    return hashed_token_mechanisms;
}

const MechanismInfo* find_token_mechanism(std::string_view name)
{
    const auto found = std::ranges::find(hashed_token_mechanisms, name, &MechanismInfo::name);
    return found == std::end(hashed_token_mechanisms) ? nullptr : found;
}

std::string_view token_binding(const MechanismInfo& mechanism)
{
    if (mechanism.name.ends_with("-EXPR"))
        return ChannelBindings::exporter_name;
    if (mechanism.name.ends_with("-ENDP"))
        return ChannelBindings::end_point_name;
    return {};
}

bool is_available(const MechanismInfo& mechanism, const ChannelBindings& bindings)
{
    const auto binding = token_binding(mechanism);
    return binding.empty() || (binding == ChannelBindings::exporter_name && bindings.exporter)
        || (binding == ChannelBindings::end_point_name && bindings.end_point);
}

Step HashedToken::respond(std::string_view message)
{
    using enum Failure;
    // initiator-msg = authcid NUL initiator-hashed-token; the latter may have any octet in it.
    const auto end = message.find('\0');
    if (end == message.npos || end == 0)
        return Step::fail(malformed_request, "expected authcid NUL hashed token");
    if (end > max_user_bytes)
        return Step::fail(malformed_request, "the user name is too long");
    proof_ = message.substr(end + 1);
    if (proof_.size() != digest_size(hash_))
        return Step::fail(malformed_request, "the hashed token has the wrong length");
    // A name that no account can have goes the same way as one that no account has.
    if (auto user = prepare_local(message.substr(0, end)))
        user_ = *std::move(user);
    return { Step::Kind::ask_tokens };
}

Step HashedToken::resume(BackendAnswer answer)
{
    // Nobody's token takes as long as somebody's.
    if (answer.tokens.empty())
        answer.tokens.push_back({ {}, random_bytes(32) });
    const LoginToken* found = nullptr;
    for (const LoginToken& token : answer.tokens) {
        const auto expected = hmac(hash_, token.secret, "Initiator" + binding_data_);
        if (equal_in_constant_time(expected, proof_) && !token.id.empty())
            found = &token;
    }
    if (!found || user_.empty())
        return Step::fail(Failure::not_authorized);
    // XEP-0484 §5.2: a token that was good once sends the client back to its password.
    if (found->is_expired)
        return Step::fail(Failure::credentials_expired);
    token_id_ = found->id;
    return Step::success(hmac(hash_, found->secret, "Responder" + binding_data_));
}

}
