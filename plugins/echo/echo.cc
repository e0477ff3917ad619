// Sends back what it is sent: how a plugin owns a domain.
#include <nuncio/plugin.h>

namespace nuncio::echo {

struct Settings {
    std::string host = "echo";
};

class Echo final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Echoes messages")
            .option("host", &Settings::host, "Its domain; without a dot, a part of the host's.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }
    Result<void> start(Context& context) override
    {
        DomainOptions options { { { "client", "bot", "Echo" } }, {}, "Echo" };
        context.own_domain(settings_.host, options, [&host = context.host()](Stanza stanza) {
            // Two services that echoed errors would do so for ever.
            if (stanza.is_presence() || stanza.is_error() || stanza.type() == Stanza::Type::result)
                return;
            const Jid sender(stanza.from());
            stanza.set_from(Jid(stanza.to())).set_to(sender);
            host.route(std::move(stanza));
        });
        return {};
    }

private:
    Settings settings_;
};

}

NUNCIO_PLUGIN(nuncio::echo::Echo, "echo", "0.1.0", "Echoes messages")
