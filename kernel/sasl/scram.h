// RFC 5802, RFC 7677: SCRAM with SHA-1, SHA-256, SHA-512, with and without channel binding.
#pragma once

#include "channel_binding.h"
#include "decoy_keys.h"
#include "mechanism.h"

namespace nuncio::kernel::sasl {

class Scram final : public Mechanism {
public:
    /// What the exchange borrows; it outlives it.
    struct Surroundings {
        std::string_view domain;
        const ChannelBindings& bindings;
        const DecoyKeys& decoys;
        /// Some -PLUS mechanism was offered: a client that says it was not has been lied to.
        bool plus_offered = false;
        /// Offer::summary(); empty: the client is told no hash of it.
        std::string offer {};
    };
    enum class Plus { no, yes };

    /// `server_nonce` is fresh and unpredictable, without commas.
    Scram(const Surroundings& surroundings, ScramHash hash, Plus plus, std::string server_nonce);

    Step respond(std::string_view message) override;
    Step resume(BackendAnswer answer) override;
    const std::string& user() const override { return user_; }
    ScramHash hash() const override { return hash_; }

private:
    Step first(std::string_view message);
    Step final(std::string_view message);

    enum class State { first, keys, final, ended };
    Surroundings surroundings_;
    ScramHash hash_;
    Plus plus_;
    State state_ = State::first;
    bool is_known_ = false;
    std::string nonce_; // the server's; the client's in front of it once known
    std::string expected_binding_; // what `c` must hold, decoded
    std::string auth_message_; // as far as it is known
    std::string claimed_; // the user name as the client wrote it, for its decoy
    std::string user_;
    ScramKeys keys_;
};

}
