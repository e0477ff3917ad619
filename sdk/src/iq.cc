// RFC 6120 §8.2.3: one request, one answer.
#include <nuncio/iq.h>

namespace nuncio::inline v1 {

Session* Iq::sender() const
{
    if (!account_ || from().bare() != account_->jid())
        return nullptr;
    return account_->find_session(from().resource());
}

Stanza IqReply::stanza(const Stanza& request) const
{
    if (error_)
        return request.error_reply(*error_);
    Stanza reply = request.reply();
    if (payload_)
        reply.element().append(payload_);
    return reply;
}

}
