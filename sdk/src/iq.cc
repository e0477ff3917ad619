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
    return error_ ? request.error_reply(*error_) : completed(request.reply());
}

Stanza IqReply::stanza(Stanza&& request) const
{
    return error_ ? request.error_reply(*error_) : completed(std::move(request).reply());
}

Stanza IqReply::completed(Stanza result) const
{
    if (payload_)
        result.element().append(payload_);
    return result;
}

}
