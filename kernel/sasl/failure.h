// RFC 6120 §6.5: why an authentication failed.
#pragma once

#include <string_view>

namespace nuncio::kernel::sasl {

enum class Failure {
    aborted,
    account_disabled,
    credentials_expired,
    encryption_required,
    incorrect_encoding,
    invalid_authzid,
    invalid_mechanism,
    malformed_request,
    mechanism_too_weak,
    not_authorized,
    temporary_auth_failure,
};

/// The name on the wire ("not-authorized").
std::string_view to_string(Failure failure);

}
