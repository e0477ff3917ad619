#include "failure.h"

namespace nuncio::kernel::sasl {

std::string_view to_string(Failure failure)
{
    using enum Failure;
    switch (failure) {
    case aborted:
        return "aborted";
    case account_disabled:
        return "account-disabled";
    case credentials_expired:
        return "credentials-expired";
    case encryption_required:
        return "encryption-required";
    case incorrect_encoding:
        return "incorrect-encoding";
    case invalid_authzid:
        return "invalid-authzid";
    case invalid_mechanism:
        return "invalid-mechanism";
    case malformed_request:
        return "malformed-request";
    case mechanism_too_weak:
        return "mechanism-too-weak";
    case not_authorized:
        return "not-authorized";
    case temporary_auth_failure:
        break;
    }
    return "temporary-auth-failure";
}

Failure failure_of_backend(Error::Kind kind)
{
    switch (kind) {
    case Error::Kind::disabled:
        return Failure::account_disabled;
    case Error::Kind::expired:
        return Failure::credentials_expired;
    default:
        return Failure::temporary_auth_failure;
    }
}

Failure failure_of_verdict(Error::Kind kind)
{
    return kind == Error::Kind::refused ? Failure::not_authorized : failure_of_backend(kind);
}

}
