// Has state of every kind to hand over, and fails at it where it is told to.
#include <nuncio/plugin.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

using namespace nuncio;

namespace {

std::string environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

void fail_if_told(std::string_view where)
{
    if (environment("NUNCIO_TEST_FAULT") == where)
        throw std::runtime_error("told to fail");
}

/// Nothing that the bounds of a hand-over would wait for.
void linger_if_told(std::string_view where)
{
    using Clock = std::chrono::steady_clock;
    if (environment("NUNCIO_TEST_FAULT") == where)
        for (const auto end = Clock::now() + std::chrono::milliseconds(40); Clock::now() < end;) { }
}

struct Visits {
    int count = 0;

    void save(Snapshot& snapshot) const
    {
        fail_if_told("slot save");
        snapshot.put("count", count);
    }
    Result<void> restore(const Snapshot& snapshot)
    {
        if (environment("NUNCIO_TEST_FAULT") == "slot restore")
            return Error { "its value cannot be read" };
        count = snapshot.get("count", 0);
        return {};
    }
};

class Keeper final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        host_ = &context.host();
        visits_ = context.account_slot<Visits>("visits");
        context.on_iq(Component::local, "urn:test:keeper", {},
            [this](const Iq&) { return IqReply(answer(label_, ++asked_)); });
        context.on_iq(Component::sm, "urn:test:keeper", {}, [this](const Iq& iq) {
            return IqReply(answer(label_, ++iq.account()->slot(visits_).count));
        });
        context.on_iq(
            Component::local, "urn:test:keeper-slow", {}, [this](const Iq&) -> task<IqReply> {
                co_await sleep_for(std::chrono::milliseconds(100));
                co_return IqReply(answer(label_, ++asked_));
            });
        context.own_domain("keeper", {}, [this](Stanza stanza) {
            const Jid sender(stanza.from());
            stanza.set_from(Jid(stanza.to())).set_to(sender);
            host_->route(std::move(stanza));
        });
        context.on<MessageUndelivered>([this](MessageUndelivered& event) {
            Stanza told = event.stanza.reply();
            told.set_id(event.stanza.id());
            host_->route(std::move(told));
            return Flow::done;
        });
        return {};
    }

    void save(Snapshot& snapshot) const override
    {
        fail_if_told("save");
        linger_if_told("slow save");
        snapshot.set_version(1);
        snapshot.put("asked", asked_);
    }

    Result<void> restore(const Snapshot& snapshot) override
    {
        fail_if_told("restore throws");
        linger_if_told("slow restore");
        if (environment("NUNCIO_TEST_FAULT") == "restore" || snapshot.version() != 1)
            return Error { "it knows no such version" };
        asked_ = snapshot.get("asked", 0);
        return {};
    }

private:
    static Element answer(const std::string& label, int count)
    {
        Element element("keeper", "urn:test:keeper");
        element.text(label + " " + std::to_string(count));
        return element;
    }

    const std::string label_ = environment("NUNCIO_TEST_LABEL");
    Host* host_ = nullptr;
    SlotId<Visits> visits_;
    int asked_ = 0; // of the local handler, which the test asks on one loop
};

}

NUNCIO_PLUGIN(Keeper, "keeper", "1.0", "Has something to lose")
