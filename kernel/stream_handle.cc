#include "stream_handle.h"

#include "c2s_negotiation.h"
#include "c2s_stream.h"
#include "virtual_host.h"

namespace nuncio::kernel {

Host& StreamHandle::host()
{
    return *host_;
}

void StreamHandle::send(const Stanza& stanza)
{
    if (negotiation_)
        negotiation_->stream().send(stanza);
}

void StreamHandle::close(StreamError error)
{
    if (negotiation_)
        negotiation_->stream().fail(std::move(error));
}

}
