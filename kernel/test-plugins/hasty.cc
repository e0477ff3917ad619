// Fails to start when a lot of what it began is under way: nothing of it may outlive it.
#include <nuncio/plugin.h>

#include <atomic>
#include <memory>
#include <string>

using namespace nuncio;

namespace {

/// Its end is the plugin's code.
struct Trace {
    ~Trace()
    {
        if (ends)
            ++*ends;
    }
    std::atomic<int>* ends = nullptr;
};

class Hasty final : public Plugin {
public:
    ~Hasty() override
    {
        if (context_)
            context_->log().info("ends after {} jobs and {} slots", int(jobs_), int(slots_ended_));
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        Host& host = context.host();
        trace_ = context.account_slot<Trace>("trace");
        for (std::size_t i = 0; i < host.loop_count(); ++i)
            host.loop(i).post([this, &host, i] { go_on(host, i, 20); });
        const auto somebody = Jid::make("u", host.domain());
        host.at_home(*somebody, [this](Account& account) {
            account.slot(trace_).ends = &slots_ended_;
            ++jobs_;
        });
        lane_ = context.lane({ .name = "hasty" });
        lane_->submit([this, &host] {
            ++jobs_;
            context_->spawn(never());
            host.loop(0).post([this] { ++jobs_; });
        });
        timer_ = Loop::current()->every(1ms, [this] { ++beats_; });
        context.spawn(never());
        return Error { "it is in too much of a hurry" };
    }

private:
    void go_on(Host& host, std::size_t loop, int left)
    {
        ++jobs_;
        if (left > 1)
            host.loop(loop).post([this, &host, loop, left] { go_on(host, loop, left - 1); });
    }
    /// What is spawned runs once its plugin serves.
    task<void> never()
    {
        jobs_ = -1000;
        co_return;
    }

    Context* context_ = nullptr;
    std::atomic<int> jobs_ = 0;
    std::atomic<int> slots_ended_ = 0;
    int beats_ = 0;
    SlotId<Trace> trace_;
    Timer timer_;
    std::unique_ptr<Lane> lane_;
};

}

NUNCIO_PLUGIN(Hasty, "hasty", "1.0", "Begins more than it can start with")
