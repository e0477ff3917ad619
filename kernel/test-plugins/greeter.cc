// A good plugin that uses about everything: the host's tests watch it come and go.
#include "greeting.h"

#include <nuncio/plugin.h>

using namespace nuncio;

namespace {

struct Seen {
    int stanzas = 0;
};

class Greeter final : public Plugin, public Greeting {
    struct Settings {
        std::string word = "hello";
    };

public:
    static Schema schema()
    {
        return Schema::of<Settings>("Greets").option("word", &Settings::word, "What it says.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.word == "forbidden")
            return config.error("word", "is not said here");
        return {};
    }

    Result<void> start(Context& context) override
    {
        seen_ = context.account_slot<Seen>("seen");
        context.provide<Greeting>(*this);
        context.feature(Component::local, "urn:test:greeter");
        context.on_iq(Component::local, "urn:test:greeting", {},
            [this](const Iq&) { return IqReply(payload(settings_.word)); });
        context.on_iq(
            Component::sm, "urn:test:greeting", { .access = Access::owner }, [this](const Iq& iq) {
                const int count = ++iq.account()->slot(seen_).stanzas;
                return IqReply(payload(settings_.word + " " + std::to_string(count)));
            });
        context.on<ServerStanza>([](ServerStanza&) { return Flow::done; });
        context.own_domain("greet",
            { .identities = { { "component", "generic" } }, .item_name = "Greetings" },
            [](Stanza) {});
        context.every(1s, [this] { ++beats_; });
        return {};
    }

    std::string word() override { return settings_.word; }
    int beats() override { return beats_; }

private:
    static Element payload(const std::string& text)
    {
        Element element("greeting", "urn:test:greeting");
        element.text(text);
        return element;
    }

    Settings settings_;
    SlotId<Seen> seen_;
    int beats_ = 0;
};

}

NUNCIO_PLUGIN(Greeter, "greeter", "1.0", "Greets", "provides=" NUNCIO_TEST_GREETING)
