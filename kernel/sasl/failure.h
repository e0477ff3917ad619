// RFC 6120 §6.5: why an authentication failed.
#pragma once

#include <nuncio/result.h>

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

/// What the client hears of a backend's Error. Of a kind that speaks of the account only when the
/// password was the right one; never that it was wrong, which the backend cannot know.
Failure failure_of_backend(Error::Kind kind);
/// What the client hears when it has proved who it is, and is refused after all.
Failure failure_of_verdict(Error::Kind kind);

}
