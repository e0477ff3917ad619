// XEP-0199: XMPP Ping.
#include <nuncio/plugin.h>

namespace nuncio::ping {

constexpr std::string_view ns_ping = "urn:xmpp:ping";

IqReply answer(const Iq& iq)
{
    if (iq.is_set() || !iq.payload().is("ping", ns_ping))
        return StanzaError::Condition::bad_request;
    return {};
}

class Ping final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.on_iq(Component::local, ns_ping, {}, answer);
        // A ping without `to` is one to the sender's own account (RFC 6120 §10.3.3).
        context.on_iq(Component::sm, ns_ping, { .access = Access::owner }, answer);
        return {};
    }
};

}

NUNCIO_PLUGIN(nuncio::ping::Ping, "ping", "0.1.0", "XEP-0199: XMPP Ping")
