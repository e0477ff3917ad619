// What the answer to a bind says of a password.
#pragma once

#include "entry.h"

#include <nuncio/result.h>

#include <string>
#include <vector>

namespace nuncio::ldap {

/// A directory's answer to a bind. Codes are those of RFC 4511 §4.1.9, and libldap's own, which are
/// negative, when there was no answer.
struct BindAnswer {
    int code = 0;
    std::string diagnostic {};
    int policy_error = -1; ///< draft-behera-ldap-password-policy §6.2; -1: none was told
};

enum class Verdict {
    right,
    wrong,
    locked, ///< refused without looking at the password
    disabled, ///< the right password, of an account that was switched off
    expired, ///< the right password, which has to be changed first
};

/// An Error when the answer says nothing of the password: `unavailable` when asking again, or
/// another server, may help; `refused` when the administrator must act.
Result<Verdict> judge(const BindAnswer& answer);

/// What an entry has to show to is_switched_off().
const std::vector<std::string>& lock_attributes();
/// Whether an administrator has switched the account off, as far as the entry shows it: where no
/// password is tried, the directory itself does not refuse it.
bool is_switched_off(const Entry& entry);

/// A result code as an Error, and whether it means that this server cannot serve now.
Error error_of(int code, const std::string& diagnostic, const std::string& what);
bool is_unavailable(int code);

}
