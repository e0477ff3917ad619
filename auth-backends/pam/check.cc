#include "check.h"

#include <cstdlib>
#include <cstring>
#include <security/pam_appl.h>
#include <string.h>
#include <utility>

namespace nuncio::pam {

namespace {

    /// Answers one question for a password. A second one is a stack that wants more than a password
    /// (a one-time code, a new password), which cannot be given here.
    struct Answerer {
        const std::string& password;
        bool has_answered = false;

        static void clear(pam_response* answers, int count)
        {
            for (int i = 0; i < count; ++i)
                if (answers[i].resp) {
                    ::explicit_bzero(answers[i].resp, std::strlen(answers[i].resp));
                    std::free(answers[i].resp);
                }
            std::free(answers);
        }

        /// The answers are PAM's, which frees them.
        static int converse(
            int count, const pam_message** messages, pam_response** out, void* data) noexcept
        {
            auto& self = *static_cast<Answerer*>(data);
            if (count <= 0 || count > PAM_MAX_NUM_MSG)
                return PAM_CONV_ERR;
            auto* const answers = static_cast<pam_response*>(
                std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
            if (!answers)
                return PAM_BUF_ERR;
            for (int i = 0; i < count; ++i) {
                const int style = messages[i]->msg_style;
                if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG)
                    continue; // for a person at a terminal
                if (style != PAM_PROMPT_ECHO_OFF || self.password.empty()
                    || std::exchange(self.has_answered, true)) {
                    clear(answers, count);
                    return PAM_CONV_ERR;
                }
                answers[i].resp = ::strdup(self.password.c_str());
                if (!answers[i].resp) {
                    clear(answers, count);
                    return PAM_BUF_ERR;
                }
            }
            if (out)
                *out = answers;
            else // modules that only tell something may pass none
                clear(answers, count);
            return PAM_SUCCESS;
        }
    };

    /// Ends with the block, and tells the modules how it went.
    class Transaction {
    public:
        Transaction(
            const std::string& service, const std::string& user, const pam_conv& conversation)
            : status_(::pam_start(service.c_str(), user.c_str(), &conversation, &handle_))
        {
        }
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;
        ~Transaction()
        {
            if (handle_)
                ::pam_end(handle_, status_);
        }
        int note(int status) { return status_ = status; }
        int status() const { return status_; }
        pam_handle_t* handle() { return handle_; }

    private:
        pam_handle_t* handle_ = nullptr;
        int status_;
    };

    /// The server and main() have their own idea of how long a refusal takes; PAM's would keep this
    /// process from everybody else for some seconds.
    void no_delay(int, unsigned, void*) { }

    /// Of pam_authenticate: whoever was not recognised has proved nothing, so that a disabled
    /// account looks like a wrong password.
    Code code_of_authentication(int status)
    {
        switch (status) {
        case PAM_SUCCESS:
            return Code::yes;
        case PAM_AUTH_ERR:
        case PAM_USER_UNKNOWN:
        case PAM_MAXTRIES:
        case PAM_PERM_DENIED:
        case PAM_ACCT_EXPIRED:
        case PAM_CRED_EXPIRED:
        case PAM_CRED_ERR:
        case PAM_AUTHTOK_EXPIRED:
        case PAM_NEW_AUTHTOK_REQD:
            return Code::no;
        default:
            return Code::unavailable;
        }
    }

    /// Of pam_acct_mgmt, for somebody who was recognised.
    Code code_of_account(int status)
    {
        switch (status) {
        case PAM_SUCCESS:
            return Code::yes;
        case PAM_NEW_AUTHTOK_REQD:
        case PAM_AUTHTOK_EXPIRED:
            return Code::expired;
        case PAM_ACCT_EXPIRED: // no new password helps
        case PAM_PERM_DENIED:
        case PAM_AUTH_ERR:
        case PAM_USER_UNKNOWN:
            return Code::disabled;
        default:
            return Code::unavailable;
        }
    }

    /// PAM has no question for it. Whose password has expired is a user all the same.
    Code code_of_user(int status)
    {
        switch (status) {
        case PAM_SUCCESS:
        case PAM_NEW_AUTHTOK_REQD:
        case PAM_AUTHTOK_EXPIRED:
        case PAM_ACCT_EXPIRED:
            return Code::yes;
        case PAM_USER_UNKNOWN:
        case PAM_PERM_DENIED:
        case PAM_AUTH_ERR:
            return Code::no;
        default:
            return Code::unavailable;
        }
    }

}

Code check(const std::string& service, const Request& request)
{
    std::string password(request.password);
    Answerer answerer { password };
    const pam_conv conversation { &Answerer::converse, &answerer };
    Transaction transaction(service, std::string(request.user), conversation);
    if (transaction.status() != PAM_SUCCESS)
        return Code::unavailable;
    ::pam_set_item(transaction.handle(), PAM_FAIL_DELAY, reinterpret_cast<const void*>(&no_delay));
    constexpr int quiet = static_cast<int>(PAM_SILENT);
    Code code = Code::yes;
    if (request.kind == Request::Kind::auth) {
        code = code_of_authentication(transaction.note(
            ::pam_authenticate(transaction.handle(), quiet | PAM_DISALLOW_NULL_AUTHTOK)));
        ::explicit_bzero(password.data(), password.size());
        if (code == Code::yes)
            code = code_of_account(transaction.note(::pam_acct_mgmt(transaction.handle(), quiet)));
    } else {
        code = code_of_user(transaction.note(::pam_acct_mgmt(transaction.handle(), quiet)));
    }
    return code;
}

}
