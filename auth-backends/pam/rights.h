// The rights of nuncio-pam: it keeps what PAM's modules need, and nothing else.
#pragma once

namespace nuncio::pam {

/// Whether the file's owner lent its rights (setuid): then the caller is not to be trusted, with
/// arguments and environment.
bool are_rights_raised();

/// First of all, before anything is read: no descriptors but the first three, no signals blocked,
/// no core dumps and no debugger, no environment of an untrusted caller's, few capabilities. False
/// when that could not be done.
bool drop_rights();

}
