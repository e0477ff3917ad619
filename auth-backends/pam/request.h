// What nuncio-pam is asked: `auth:USER:SERVER:PASSWORD` or `isuser:USER:SERVER`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nuncio::pam {

/// What is answered; known to the backend, too.
enum class Code : std::uint16_t {
    no, ///< wrong password, or no such user
    yes,
    expired, ///< the right password, which has to be changed first
    disabled, ///< the right password, but the account may not come in
    unavailable, ///< PAM could not tell
};
constexpr std::uint16_t codes = 5;

constexpr std::size_t most_user_bytes = 1023 + 1 + 1023; // user@server (RFC 7622 §3)
constexpr std::size_t most_password_bytes = 511; // PAM_MAX_RESP_SIZE, with the NUL at its end

/// Views into the text.
struct Request {
    enum class Kind { auth, isuser };
    Kind kind = Kind::isuser;
    std::string_view user;
    std::string_view password;
};

/// No value for anything that PAM must not see: nothing is cut short at a bound or a NUL, and
/// without a password nobody is asked about.
std::optional<Request> parse_request(std::string_view text);

/// Whether a file of this name may be in /etc/pam.d.
bool is_service_name(std::string_view name);
/// Whether whoever runs a helper with raised rights may choose this service: one that was made for
/// it, and not one that opens without a password.
bool is_own_service(std::string_view name);

}
