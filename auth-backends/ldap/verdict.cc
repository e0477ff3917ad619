#include "verdict.h"

#include <charconv>
#include <cstdint>
#include <ldap.h>
#include <string_view>

namespace nuncio::ldap {

namespace {

    /// COMPAT(Active Directory): "… AcceptSecurityContext error, data 52e, v4563" tells Windows'
    /// error in hexadecimal.
    std::string_view windows_error(std::string_view diagnostic)
    {
        constexpr std::string_view before = "AcceptSecurityContext error, data ";
        const auto at = diagnostic.find(before);
        if (at == diagnostic.npos)
            return {};
        const auto rest = diagnostic.substr(at + before.size());
        return rest.substr(0, rest.find(','));
    }

    /// What invalidCredentials means, if it means more than that. Active Directory looks at the
    /// password before it tells any of these but 775.
    Verdict judge_invalid_credentials(const BindAnswer& answer)
    {
        switch (answer.policy_error) {
        case PP_passwordExpired:
        case PP_changeAfterReset:
            return Verdict::expired;
        case PP_accountLocked:
            return Verdict::locked;
        default:
            break;
        }
        const auto windows = windows_error(answer.diagnostic);
        if (windows == "532" || windows == "773") // ERROR_PASSWORD_EXPIRED, …_MUST_CHANGE
            return Verdict::expired;
        // ERROR_INVALID_LOGON_HOURS, …_WORKSTATION, ERROR_ACCOUNT_DISABLED, …_EXPIRED
        if (windows == "530" || windows == "531" || windows == "533" || windows == "701")
            return Verdict::disabled;
        if (windows == "775") // ERROR_ACCOUNT_LOCKED_OUT
            return Verdict::locked;
        return Verdict::wrong;
    }

}

Result<Verdict> judge(const BindAnswer& answer)
{
    switch (answer.code) {
    case LDAP_SUCCESS:
        // Bound, but for nothing else than changing the password (draft-behera §9.1).
        return answer.policy_error == PP_changeAfterReset ? Verdict::expired : Verdict::right;
    case LDAP_INVALID_CREDENTIALS:
        return judge_invalid_credentials(answer);
    case LDAP_NO_SUCH_OBJECT: // RFC 4513 §5.1.3 wants invalidCredentials; not all comply
    case LDAP_INAPPROPRIATE_AUTH: // an entry without a password
        return Verdict::wrong;
    case LDAP_CONSTRAINT_VIOLATION: // COMPAT(389 Directory Server): too many wrong ones
        return Verdict::locked;
    case LDAP_UNWILLING_TO_PERFORM:
        // COMPAT(389 Directory Server): said before it looks at the password.
        if (answer.diagnostic.find("inactivated") != std::string::npos)
            return Verdict::locked;
        [[fallthrough]];
    default:
        return error_of(answer.code, answer.diagnostic, "bind");
    }
}

const std::vector<std::string>& lock_attributes()
{
    static const std::vector<std::string> names { "nsAccountLock", "pwdAccountLockedTime",
        "userAccountControl" };
    return names;
}

bool is_switched_off(const Entry& entry)
{
    const auto any_value = [&](const char* name, auto matches) {
        return std::ranges::any_of(entry.values(name), matches);
    };
    // COMPAT(389 Directory Server, FreeIPA)
    if (any_value("nsAccountLock",
            [](const std::string& value) { return ::strcasecmp(value.c_str(), "true") == 0; }))
        return true;
    // draft-behera-ldap-password-policy §5.3.3: until an administrator unlocks it. Another time is
    // that of too many guesses, which a token is none of.
    if (any_value("pwdAccountLockedTime",
            [](const std::string& value) { return value.starts_with("000001010000"); }))
        return true;
    // COMPAT(Active Directory): ADS_UF_ACCOUNTDISABLE ([MS-ADTS] §2.2.16).
    return any_value("userAccountControl", [](const std::string& value) {
        constexpr std::uint32_t disabled = 2;
        std::uint32_t flags = 0;
        std::from_chars(value.data(), value.data() + value.size(), flags);
        return (flags & disabled) != 0;
    });
}

bool is_unavailable(int code)
{
    return code < 0 || code == LDAP_BUSY || code == LDAP_UNAVAILABLE || code == LDAP_OTHER
        || code == LDAP_TIMELIMIT_EXCEEDED || code == LDAP_ADMINLIMIT_EXCEEDED;
}

Error error_of(int code, const std::string& diagnostic, const std::string& what)
{
    std::string text = what + ": " + ::ldap_err2string(code);
    if (!diagnostic.empty())
        text += " (" + diagnostic + ")";
    if (code == LDAP_REFERRAL)
        text += "; referrals are not followed: name the server that has the entries";
    return Error { std::move(text),
        is_unavailable(code) ? Error::Kind::unavailable : Error::Kind::refused };
}

}
