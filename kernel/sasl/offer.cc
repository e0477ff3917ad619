#include "offer.h"

#include <nuncio/ns.h>

#include <algorithm>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::string_view ns_channel_binding = "urn:xmpp:sasl-cb:0"; // XEP-0440

    using Kind = MechanismInfo::Kind;
    constexpr MechanismInfo known[] = {
        { "EXTERNAL", Kind::external, ScramHash::sha1 },
        { "SCRAM-SHA-512-PLUS", Kind::scram_plus, ScramHash::sha512 },
        { "SCRAM-SHA-256-PLUS", Kind::scram_plus, ScramHash::sha256 },
        { "SCRAM-SHA-1-PLUS", Kind::scram_plus, ScramHash::sha1 },
        { "SCRAM-SHA-512", Kind::scram, ScramHash::sha512 },
        { "SCRAM-SHA-256", Kind::scram, ScramHash::sha256 },
        { "SCRAM-SHA-1", Kind::scram, ScramHash::sha1 },
        { "PLAIN", Kind::plain, ScramHash::sha1 },
        { "ANONYMOUS", Kind::anonymous, ScramHash::sha1 },
    };

    bool has_keys(const AuthAbilities& abilities, ScramHash hash)
    {
        switch (hash) {
        case ScramHash::sha1:
            return abilities.scram_sha1;
        case ScramHash::sha256:
            return abilities.scram_sha256;
        case ScramHash::sha512:
            return abilities.scram_sha512;
        }
        return false;
    }

    bool fits(const MechanismInfo& mechanism, const Offer::Basis& basis)
    {
        if (!basis.allowed.empty()
            && std::ranges::find(basis.allowed, mechanism.name) == basis.allowed.end())
            return false;
        switch (mechanism.kind) {
        case Kind::external:
            return basis.has_certificate;
        case Kind::plain:
            return basis.abilities.check_password
                && (basis.is_encrypted || basis.plain_without_tls);
        case Kind::anonymous:
            return basis.abilities.anonymous;
        case Kind::hashed_token:
            return false; // XEP-0484: offered inside of SASL2, by who keeps the tokens
        case Kind::scram:
            return has_keys(basis.abilities, mechanism.hash);
        case Kind::scram_plus:
            return has_keys(basis.abilities, mechanism.hash) && basis.has_channel_binding;
        }
        return false;
    }

    std::uint32_t bit(const MechanismInfo& mechanism)
    {
        return std::uint32_t(1) << (&mechanism - known);
    }

}

std::span<const MechanismInfo> mechanisms()
{
    return known;
}

const MechanismInfo* find_mechanism(std::string_view name)
{
    const auto found = std::ranges::find(known, name, &MechanismInfo::name);
    return found == std::end(known) ? nullptr : found;
}

Offer::Offer(const Basis& basis)
{
    for (const MechanismInfo& mechanism : known)
        if (fits(mechanism, basis))
            offered_ |= bit(mechanism);
}

bool Offer::has(const MechanismInfo& mechanism) const
{
    return offered_ & bit(mechanism);
}

bool Offer::has_plus() const
{
    return std::ranges::any_of(known, [this](const MechanismInfo& mechanism) {
        return mechanism.kind == Kind::scram_plus && has(mechanism);
    });
}

std::string Offer::summary(const ChannelBindings& bindings) const
{
    // Both stand for nothing that XML could carry.
    constexpr char between_values = '\x1e';
    constexpr char between_lists = '\x1f';
    const auto append = [](std::string& text, std::vector<std::string_view> names) {
        std::ranges::sort(names); // i;octet
        for (std::size_t at = 0; at < names.size(); ++at)
            text.append(at ? 1 : 0, between_values).append(names[at]);
    };
    std::vector<std::string_view> offered;
    for (const MechanismInfo& mechanism : known)
        if (has(mechanism))
            offered.push_back(mechanism.name);
    std::string text;
    append(text, std::move(offered));
    if (!has_plus())
        return text;
    text += between_lists;
    append(text, bindings.names());
    return text;
}

void Offer::add_to(Element& features, const ChannelBindings& bindings) const
{
    if (empty())
        return;
    auto list = features.add("mechanisms", ns_sasl);
    for (const MechanismInfo& mechanism : known)
        if (has(mechanism))
            list.add("mechanism").text(mechanism.name);
    if (!has_plus())
        return;
    auto types = features.add("sasl-channel-binding", ns_channel_binding);
    for (const auto name : bindings.names())
        types.add("channel-binding").attr("type", name);
}

}
