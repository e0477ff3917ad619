// Which SASL mechanisms one stream offers, in the order of preference (RFC 6120 §6.3.3).
#pragma once

#include "channel_binding.h"

#include <nuncio/auth.h>
#include <nuncio/xml.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::sasl {

struct MechanismInfo {
    std::string_view name;
    enum class Kind { external, scram, scram_plus, plain, anonymous, hashed_token } kind;
    ScramHash hash; ///< of SCRAM and hashed tokens
};

/// All that this server speaks, strongest first.
std::span<const MechanismInfo> mechanisms();
const MechanismInfo* find_mechanism(std::string_view name);

class Offer {
public:
    struct Basis {
        AuthAbilities abilities;
        std::span<const std::string> allowed {}; ///< by the administrator; empty: all that fit
        bool is_encrypted = false;
        bool plain_without_tls = false;
        bool has_channel_binding = false;
        bool has_certificate = false; ///< of a client whom the backends know by it
    };
    Offer() = default;
    explicit Offer(const Basis& basis);

    bool empty() const { return offered_ == 0; }
    bool has(const MechanismInfo& mechanism) const;
    /// Some mechanism with channel binding is offered.
    bool has_plus() const;

    /// XEP-0474 §4.1: what add_to() tells, in the form whose hash a SCRAM client compares with what
    /// it was told.
    std::string summary(const ChannelBindings& bindings) const;
    /// `<mechanisms/>`, and XEP-0440 `<sasl-channel-binding/>` where -PLUS is offered.
    void add_to(Element& features, const ChannelBindings& bindings) const;

private:
    std::uint32_t offered_ = 0; // one bit for each of mechanisms()
};

}
