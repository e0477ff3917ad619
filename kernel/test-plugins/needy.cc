// Requires what nobody has.
#include <nuncio/plugin.h>

using namespace nuncio;

namespace {

class Needy final : public Plugin {
public:
    Result<void> start(Context&) override { return {}; }
};

}

NUNCIO_PLUGIN(Needy, "needy", "1.0", "Wants a lot", "requires=unobtainium/1")
