#include "scram.h"

#include "scram_message.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>

#include <utility>

namespace nuncio::kernel::sasl {

Scram::Scram(const Surroundings& surroundings, ScramHash hash, Plus plus, std::string server_nonce)
    : surroundings_(surroundings)
    , hash_(hash)
    , plus_(plus)
    , nonce_(std::move(server_nonce))
{
}

Step Scram::respond(std::string_view message)
{
    switch (std::exchange(state_, State::ended)) {
    case State::first:
        return first(message);
    case State::final:
        return final(message);
    default:
        return Step::fail(Failure::malformed_request);
    }
}

Step Scram::first(std::string_view message)
{
    using enum Failure;
    using Binding = ScramClientFirst::Binding;
    ScramClientFirst parsed;
    if (const auto error = parse(message, parsed))
        return Step::fail(malformed_request, error->text);

    // RFC 5802 §6: `p` belongs to the -PLUS mechanisms and to them only.
    if ((parsed.binding == Binding::required) != (plus_ == Plus::yes))
        return Step::fail(malformed_request, "the channel binding flag contradicts the mechanism");
    // Somebody in between has taken the -PLUS mechanisms from our offer.
    if (parsed.binding == Binding::unused && surroundings_.plus_offered)
        return Step::fail(not_authorized, "channel binding was offered");
    expected_binding_ = parsed.gs2_header;
    if (parsed.binding == Binding::required) {
        const auto data = surroundings_.bindings.find(parsed.binding_type);
        if (data.empty())
            return Step::fail(malformed_request, "this type of channel binding was not offered");
        expected_binding_ += data;
    }

    if (parsed.user.size() > max_user_bytes)
        return Step::fail(malformed_request, "the user name is too long");
    // A name that no account can have goes the same way as one that no account has.
    if (auto user = prepare_local(parsed.user))
        user_ = *std::move(user);
    if (!may_act_for(parsed.authzid, user_, surroundings_.domain))
        return Step::fail(invalid_authzid);
    claimed_ = std::move(parsed.user);
    nonce_.insert(0, parsed.nonce);
    auth_message_ = parsed.bare;
    state_ = State::keys;
    return { Step::Kind::ask_keys };
}

Step Scram::resume(BackendAnswer answer)
{
    if (state_ != State::keys)
        return Step::fail(Failure::malformed_request);
    // Made in both cases, so that both take the same time.
    keys_
        = surroundings_.decoys.make(surroundings_.domain, user_.empty() ? claimed_ : user_, hash_);
    is_known_ = answer.keys.has_value() && !user_.empty();
    if (is_known_) {
        keys_ = *std::move(answer.keys);
        if (keys_.stored_key.size() != digest_size(hash_)
            || keys_.server_key.size() != digest_size(hash_) || keys_.iterations == 0
            || keys_.salt.empty()) {
            state_ = State::ended;
            return Step::fail(Failure::temporary_auth_failure);
        }
        surroundings_.decoys.resemble(keys_);
    }
    auto challenge
        = "r=" + nonce_ + ",s=" + to_base64(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
    // XEP-0474: a client that does not know the attribute skips it (RFC 5802 §5.1), and its proof
    // holds all the same only if nobody in between has changed it.
    if (!surroundings_.offer.empty())
        challenge += ",h=" + to_base64(digest(hash_, surroundings_.offer));
    auth_message_ += ',';
    auth_message_ += challenge;
    state_ = State::final;
    return Step::challenge(std::move(challenge));
}

Step Scram::final(std::string_view message)
{
    using enum Failure;
    ScramClientFinal parsed;
    if (const auto error = parse(message, parsed))
        return Step::fail(malformed_request, error->text);
    if (parsed.nonce != nonce_)
        return Step::fail(malformed_request, "the nonce is not the one of this exchange");
    if (!equal_in_constant_time(parsed.channel_binding, expected_binding_))
        return Step::fail(not_authorized, "the channel binding does not match");
    if (parsed.proof.size() != digest_size(hash_))
        return Step::fail(malformed_request, "the proof has the wrong length");

    auth_message_ += ',';
    auth_message_ += parsed.without_proof;
    auto client_key = hmac(hash_, keys_.stored_key, auth_message_);
    for (std::size_t i = 0; i < client_key.size(); ++i)
        client_key[i] = static_cast<char>(client_key[i] ^ parsed.proof[i]);
    const bool is_right = equal_in_constant_time(digest(hash_, client_key), keys_.stored_key);
    auto signature = "v=" + to_base64(hmac(hash_, keys_.server_key, auth_message_));
    if (!is_right || !is_known_)
        return Step::wrong_password();
    return Step::success(std::move(signature));
}

}
