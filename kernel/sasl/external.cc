#include "external.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <utility>

namespace nuncio::kernel::sasl {

Step External::respond(std::string_view message)
{
    if (message.empty())
        return { Step::Kind::ask_certificate };
    // RFC 6120 §6.3.8: the authorization identity of a client is a bare JID.
    const auto jid = Jid::parse(message);
    if (!jid || !jid->is_bare() || jid->local().empty() || jid->domain() != domain_)
        return Step::fail(Failure::invalid_authzid);
    user_ = jid->local();
    return { Step::Kind::ask_certificate };
}

Step External::resume(BackendAnswer answer)
{
    using enum Failure;
    if (answer.users.empty())
        return Step::fail(not_authorized, "the certificate belongs to nobody here");
    if (user_.empty()) {
        // XEP-0178 §2: with more than one address the client has to say which.
        if (answer.users.size() != 1)
            return Step::fail(invalid_authzid, "the certificate belongs to several: name one");
        user_ = std::move(answer.users.front());
        return Step::success();
    }
    if (std::ranges::find(answer.users, user_) == answer.users.end())
        return Step::fail(invalid_authzid);
    return Step::success();
}

}
