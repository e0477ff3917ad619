// Brings its server down when it is asked to.
#include <nuncio/plugin.h>

#include <csignal>

using namespace nuncio;

namespace {

class Crasher final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.on_iq(Component::local, "urn:test:crash", {}, [](const Iq&) {
            std::raise(SIGSEGV);
            return IqReply();
        });
        return {};
    }
};

}

NUNCIO_PLUGIN(Crasher, "crasher", "1.0", "Crashes")
