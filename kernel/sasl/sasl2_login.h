// XEP-0388: what a client asks for in one go with its authentication, until it is answered.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/login_tokens.h>
#include <nuncio/xml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::sasl {

struct ChannelBindings;

inline constexpr std::string_view ns_fast = "urn:xmpp:fast:0"; // XEP-0484
inline constexpr std::string_view ns_sasl_upgrade = "urn:xmpp:sasl:upgrade:0"; // XEP-0480
inline constexpr std::string_view ns_scram_upgrade = "urn:xmpp:scram-upgrade:0";

/// XEP-0480: the hashes whose keys a client may bring up to date; "UPGR-SCRAM-SHA-256".
inline constexpr ScramHash upgradable[] = { ScramHash::sha256, ScramHash::sha512 };
std::string_view upgrade_name(ScramHash hash);
bool has_hash(const AuthAbilities& abilities, ScramHash hash);

/// What was asked once the proof was there.
struct Sasl2Findings {
    bool token_is_due = false;
    std::optional<std::string> password_mark {}; ///< of who was not asked about before the proof
    std::vector<ScramHash> upgrades {}; ///< that would bring the account something
};

/// From `<authenticate/>` to `<success/>` or `<failure/>`.
struct Sasl2Login {
    /// Reads what lies beside the SASL data. Never fails: see problem().
    explicit Sasl2Login(Element authenticate);

    /// Why it cannot be granted, in words for its author; empty: it can. Nothing is compared
    /// before.
    struct Terms {
        std::string_view domain;
        std::size_t resource_bytes; ///< longest
        const ChannelBindings& bindings;
        bool has_tokens; ///< somebody keeps some
    };
    std::string_view problem(const Terms& terms) const;

    LoginClient client_of(std::string user) const;

    Element request;
    LoginClient client; ///< without the user
    ElementRef bind; ///< XEP-0386, of `request`; null: no wish to bind
    std::string tag;
    std::string wanted_token; ///< the mechanism of a token that the client wants to be given
    bool is_by_token = false;
    LoginTokenUse token_use;
    /// Of a token that is wanted or used. Without it none can be given: somebody with the old
    /// password, who waits with the proof until it has been changed, would have a token that goes
    /// with the new one.
    std::optional<std::string> password_mark;
    bool mark_failed = false; ///< the question for it, and none may follow
    std::vector<ScramHash> upgrades; ///< XEP-0480, still to be done

    // Since the proof:
    std::string data; ///< of SASL, for the first element that tells of the success
    std::string token_id; ///< that of the token; empty: it was none
    bool token_is_due = false;
    enum class Task { none, offered, salted };
    Task task = Task::none; ///< of the first of `upgrades`
    ScramKeys keys; ///< its salt and iterations

private:
    std::string_view problem_; // found when it was read
    void read_fast(ElementRef fast);
};

/// The longest resource part that the server adds to a tag.
inline constexpr std::size_t inline_resource_bytes = 16;

}
