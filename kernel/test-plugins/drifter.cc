// Always has something under way: a task, a job in the pool, an answer that takes its time.
#include <nuncio/plugin.h>

#include <stdexcept>

using namespace nuncio;

namespace {

class Drifter final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context_ = &context;
        context.on_iq(Component::local, "urn:test:drift", {},
            [](const Iq& iq) -> task<IqReply> { return drift(iq); });
        context.on_iq(Component::local, "urn:test:work", {},
            [this](const Iq&) -> task<IqReply> { return work(); });
        context.on_iq(Component::local, "urn:test:throw", {},
            [](const Iq&) -> IqReply { throw std::runtime_error("no greeting today"); });
        context.on<ServerStanza>([](ServerStanza&) -> Flow { throw std::logic_error("not me"); });
        context.spawn(idle());
        return {};
    }

private:
    static task<IqReply> drift(const Iq&)
    {
        co_await sleep_for(10s);
        co_return IqReply();
    }
    task<IqReply> work()
    {
        const int answer = co_await context_->work([] { return 42; });
        std::string caught;
        try {
            co_await context_->work([] { throw std::runtime_error("from the pool"); });
        } catch (const std::runtime_error& thrown) {
            caught = thrown.what();
        }
        Element element("worked", "urn:test:work");
        element.text(std::to_string(answer) + " " + caught);
        co_return IqReply(std::move(element));
    }
    static task<void> idle() { co_await sleep_for(5s); }

    Context* context_ = nullptr;
};

}

NUNCIO_PLUGIN(Drifter, "drifter", "1.0", "Takes its time")
