// Needs the greeter, and repeats what it says.
#include "greeting.h"

#include <nuncio/plugin.h>

#include <chrono>

using namespace nuncio;

namespace {

class Guest final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        greeting_ = context.service<Greeting>();
        context.on_iq(Component::local, "urn:test:guest", {}, [this](const Iq&) {
            Element element("heard", "urn:test:guest");
            element.text(greeting_ ? greeting_->word() : "nothing");
            return IqReply(std::move(element));
        });
        context.on_iq(Component::local, "urn:test:guest-later", {},
            [this](const Iq&) -> task<IqReply> { return wait_and_listen(); });
        return {};
    }

private:
    task<IqReply> wait_and_listen()
    {
        co_await sleep_for(std::chrono::milliseconds(500));
        Element element("heard", "urn:test:guest-later");
        element.text(greeting_ ? greeting_->word() : "nothing");
        co_return IqReply(std::move(element));
    }

    ServiceRef<Greeting> greeting_;
};

}

NUNCIO_PLUGIN(Guest, "guest", "1.0", "Listens to the greeter", "requires=" NUNCIO_TEST_GREETING)
