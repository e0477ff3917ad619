// RFC 5802 §7: the two messages that a SCRAM client sends, taken apart strictly.
#pragma once

#include "mechanism.h"

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::kernel::sasl {

/// client-first-message. Views lie in the message it was parsed from.
struct ScramClientFirst {
    enum class Binding {
        none, ///< n: the client does not support it
        unused, ///< y: the client supports it, but believes that the server does not
        required, ///< p=type
    };
    Binding binding = Binding::none;
    std::string_view binding_type;
    std::string authzid; ///< unescaped; may be empty
    std::string_view gs2_header; ///< with its last comma
    std::string_view bare; ///< client-first-message-bare
    std::string user; ///< unescaped, not prepared
    std::string_view nonce;
};

/// client-final-message.
struct ScramClientFinal {
    std::string channel_binding; ///< decoded `c`
    std::string_view nonce;
    std::string_view without_proof; ///< client-final-message-without-proof
    std::string proof; ///< decoded
};

/// Answers the text of the failure when the message is not what the grammar allows.
struct ScramParseError {
    std::string_view text; ///< static
};

std::optional<ScramParseError> parse(std::string_view message, ScramClientFirst& to);
std::optional<ScramParseError> parse(std::string_view message, ScramClientFinal& to);

/// saslname: =2C for a comma, =3D for an equals sign, and no other use of '='. No value when
/// malformed or empty.
std::optional<std::string> unescape_saslname(std::string_view text);

}
