// Loses a message now and then: what the torture must notice.
#include <nuncio/plugin.h>

namespace nuncio::test {

class Loser final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.on<StanzaReceived>(Stage::early, [](StanzaReceived& event) {
            const bool is_lost = event.stanza.is_message() && event.stanza.body().ends_with("20");
            return is_lost ? Flow::done : Flow::next;
        });
        return {};
    }
};

}

NUNCIO_PLUGIN(nuncio::test::Loser, "loser", "0.1.0", "Loses messages")
