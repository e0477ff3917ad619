#include "plain.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <openssl/crypto.h>
#include <utility>

namespace nuncio::kernel::sasl {

namespace {

    /// A token may come instead of a password (JWT), and some are long. With both names of full
    /// length (RFC 7622 §3) this is all that fits into a message.
    constexpr std::size_t max_password_bytes = 4096;
    constexpr std::size_t max_name_bytes = 1023;
    static_assert(max_name_bytes + 1 + max_name_bytes + 1 + max_name_bytes + 1 + max_password_bytes
        == max_message_bytes);

}

Plain::~Plain()
{
    OPENSSL_cleanse(password_.data(), password_.size());
}

Step Plain::respond(std::string_view message)
{
    using enum Failure;
    // message = [authzid] NUL authcid NUL passwd
    if (std::ranges::count(message, '\0') != 2)
        return Step::fail(malformed_request, "expected [authzid] NUL authcid NUL passwd");
    const auto first = message.find('\0');
    const auto second = message.find('\0', first + 1);
    const auto authzid = message.substr(0, first);
    const auto authcid = message.substr(first + 1, second - first - 1);
    const auto password = message.substr(second + 1);
    if (authcid.empty() || password.empty())
        return Step::fail(malformed_request, "user name and password must not be empty");
    if (password.size() > max_password_bytes)
        return Step::fail(malformed_request, "the password is too long");

    auto user = prepare_local(authcid);
    if (!user)
        return Step::wrong_password();
    user_ = *std::move(user);
    if (!may_act_for(authzid, user_, domain_))
        return Step::fail(invalid_authzid);
    password_ = password;
    return { Step::Kind::ask_password };
}

Step Plain::resume(BackendAnswer answer)
{
    return answer.password_matches ? Step::success() : Step::wrong_password();
}

std::string Plain::take_password()
{
    return std::exchange(password_, {});
}

}
