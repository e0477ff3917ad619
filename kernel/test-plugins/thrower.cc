// Registers a lot, then does not start.
#include <nuncio/plugin.h>

#include <stdexcept>

using namespace nuncio;

namespace {

class Thrower final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.on_iq(
            Component::local, "urn:test:thrower", {}, [](const Iq&) { return IqReply(); });
        context.feature(Component::local, "urn:test:thrower");
        context.every(1s, [] {});
        throw std::runtime_error("I changed my mind");
    }
};

}

NUNCIO_PLUGIN(Thrower, "thrower", "1.0", "Does not start", "provides=thrown/1")
