// draft-schmaus-kitten-sasl-ht: proof of a token that the server gave out before (XEP-0484).
#pragma once

#include "channel_binding.h"
#include "mechanism.h"
#include "offer.h"

#include <span>

namespace nuncio::kernel::sasl {

/// The mechanisms of the HT family, strongest first. They are offered beside the others: what they
/// take is no password.
std::span<const MechanismInfo> token_mechanisms();
const MechanismInfo* find_token_mechanism(std::string_view name);
/// The channel binding that it carries; empty: none.
std::string_view token_binding(const MechanismInfo& mechanism);
/// Whether it can be used in a TLS session with these bindings.
bool is_available(const MechanismInfo& mechanism, const ChannelBindings& bindings);

class HashedToken final : public Mechanism {
public:
    HashedToken(ScramHash hash, std::string binding_data)
        : hash_(hash)
        , binding_data_(std::move(binding_data))
    {
    }

    Step respond(std::string_view message) override;
    Step resume(BackendAnswer answer) override;
    const std::string& user() const override { return user_; }
    ScramHash hash() const override { return hash_; }
    std::string_view token_id() const override { return token_id_; }

private:
    ScramHash hash_;
    std::string binding_data_;
    std::string user_;
    std::string proof_;
    std::string token_id_;
};

}
