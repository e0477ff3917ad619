#include "verdict.h"

#include <doctest/doctest.h>
#include <ldap.h>

using namespace nuncio;
using namespace nuncio::ldap;

namespace {

Verdict verdict(BindAnswer answer)
{
    const auto judged = judge(answer);
    REQUIRE(judged);
    return *judged;
}

BindAnswer windows(const std::string& code)
{
    return { .code = LDAP_INVALID_CREDENTIALS,
        .diagnostic
        = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + code
            + ", v4563" };
}

}

TEST_CASE("a bind's code says whether the password was right")
{
    CHECK(verdict({ .code = LDAP_SUCCESS }) == Verdict::right);
    CHECK(verdict({ .code = LDAP_INVALID_CREDENTIALS }) == Verdict::wrong);
    CHECK(verdict({ .code = LDAP_NO_SUCH_OBJECT }) == Verdict::wrong);
    CHECK(verdict({ .code = LDAP_INAPPROPRIATE_AUTH }) == Verdict::wrong);
}

TEST_CASE("a password policy says more")
{
    const auto told
        = [](int code, int error) { return verdict({ .code = code, .policy_error = error }); };
    CHECK(told(LDAP_INVALID_CREDENTIALS, PP_passwordExpired) == Verdict::expired);
    CHECK(told(LDAP_INVALID_CREDENTIALS, PP_accountLocked) == Verdict::locked);
    CHECK(told(LDAP_SUCCESS, PP_changeAfterReset) == Verdict::expired);
    CHECK(told(LDAP_INVALID_CREDENTIALS, PP_insufficientPasswordQuality) == Verdict::wrong);
    CHECK(told(LDAP_SUCCESS, PP_noError) == Verdict::right);
}

TEST_CASE("Active Directory says more in its diagnostic message")
{
    CHECK(verdict(windows("52e")) == Verdict::wrong);
    CHECK(verdict(windows("525")) == Verdict::wrong);
    CHECK(verdict(windows("532")) == Verdict::expired);
    CHECK(verdict(windows("773")) == Verdict::expired);
    for (const char* code : { "530", "531", "533", "701" })
        CHECK(verdict(windows(code)) == Verdict::disabled);
    CHECK(verdict(windows("775")) == Verdict::locked);
    CHECK(verdict(windows("")) == Verdict::wrong);
    CHECK(
        verdict({ .code = LDAP_INVALID_CREDENTIALS, .diagnostic = "data 533" }) == Verdict::wrong);
    // The same words with a success mean nothing.
    CHECK(verdict({ .code = LDAP_SUCCESS, .diagnostic = windows("533").diagnostic })
        == Verdict::right);
}

TEST_CASE("389 Directory Server locks in words of its own")
{
    CHECK(verdict({ .code = LDAP_UNWILLING_TO_PERFORM,
              .diagnostic = "Account inactivated. Contact system administrator." })
        == Verdict::locked);
    CHECK(verdict({ .code = LDAP_CONSTRAINT_VIOLATION }) == Verdict::locked);
}

TEST_CASE("what says nothing of the password is an error, never a wrong password")
{
    const int passing[]
        = { LDAP_SERVER_DOWN, LDAP_TIMEOUT, LDAP_CONNECT_ERROR, LDAP_BUSY, LDAP_UNAVAILABLE,
              LDAP_OTHER, LDAP_DECODING_ERROR, LDAP_TIMELIMIT_EXCEEDED, LDAP_ADMINLIMIT_EXCEEDED };
    for (const int code : passing) {
        CAPTURE(code);
        const auto judged = judge({ .code = code });
        REQUIRE_FALSE(judged);
        CHECK(judged.error().kind == Error::Kind::unavailable);
    }
    // These stay as they are until the administrator acts: the server is not to be left alone.
    const int lasting[] = { LDAP_UNWILLING_TO_PERFORM, LDAP_REFERRAL, LDAP_CONFIDENTIALITY_REQUIRED,
        LDAP_STRONG_AUTH_REQUIRED, LDAP_INSUFFICIENT_ACCESS, LDAP_OPERATIONS_ERROR,
        LDAP_INVALID_DN_SYNTAX, LDAP_PROTOCOL_ERROR };
    for (const int code : lasting) {
        CAPTURE(code);
        const auto judged = judge({ .code = code });
        REQUIRE_FALSE(judged);
        CHECK(judged.error().kind == Error::Kind::refused);
    }
    CHECK(
        error_of(LDAP_REFERRAL, "see there", "search").text.find("see there") != std::string::npos);
}

TEST_CASE("an entry shows that an administrator has switched the account off")
{
    const auto shows = [](std::string name, std::string value) {
        return is_switched_off(
            { .dn = "uid=x", .attributes = { { std::move(name), { std::move(value) } } } });
    };
    CHECK(shows("nsAccountLock", "TRUE"));
    CHECK(shows("nsaccountlock", "true"));
    CHECK_FALSE(shows("nsAccountLock", "FALSE"));
    CHECK(shows("pwdAccountLockedTime", "000001010000Z"));
    CHECK(shows("pwdAccountLockedTime", "00000101000000Z"));
    CHECK_FALSE(shows("pwdAccountLockedTime", "20261129160000Z")); // too many guesses
    CHECK(shows("userAccountControl", "514"));
    CHECK_FALSE(shows("userAccountControl", "512"));
    CHECK_FALSE(shows("userAccountControl", "66048")); // DONT_EXPIRE_PASSWD
    CHECK_FALSE(shows("userAccountControl", "two"));
    CHECK_FALSE(shows("description", "TRUE"));
    CHECK_FALSE(is_switched_off({ .dn = "uid=x" }));
}
