#include "mechanism.h"

#include <nuncio/jid.h>

namespace nuncio::kernel::sasl {

bool may_act_for(std::string_view authzid, std::string_view user, std::string_view domain)
{
    if (authzid.empty())
        return true;
    // RFC 6120 §6.3.8: the authorization identity of a client is a bare JID.
    const auto jid = Jid::parse(authzid);
    return jid && jid->is_bare() && jid->local() == user && jid->domain() == domain
        && !user.empty();
}

}
