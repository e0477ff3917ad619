// Disciplines: lanes that hand out one call at a time, and parallel calls with ordered answers.
#include "iq_queue.h"

#include "loop.h"
#include "ordered_replies.h"
#include "pool_backlog.h"
#include "virtual_host.h"
#include "waiting_call.h"

#include <deque>
#include <mutex>
#include <vector>

namespace nuncio::kernel {

IqCall::IqCall(PluginInstance& owner, Registrations::IqHandler& entry, VirtualHost& on,
    Stanza stanza, AccountRef asked)
    : lease_(owner)
    , instance(owner)
    , handler(entry)
    , host(on)
    , account(std::move(asked))
    , iq(std::move(stanza), on, account ? &*account : nullptr)
    , loop(KernelLoop::current())
    , since(loop->now())
{
}

IqCall::~IqCall()
{
    if (!budget_)
        return;
    budget_->calls.fetch_sub(1, std::memory_order_relaxed);
    budget_->bytes.fetch_sub(bytes_, std::memory_order_relaxed);
}

bool IqCall::reserve(std::shared_ptr<IqBudget> budget, const IqLimits& limits)
{
    budget_ = std::move(budget);
    bytes_ = const_cast<Stanza&>(iq.stanza()).element().arena().capacity() + sizeof *this;
    return budget_->calls.fetch_add(1, std::memory_order_relaxed) < limits.calls
        && budget_->bytes.fetch_add(bytes_, std::memory_order_relaxed) + bytes_ <= limits.bytes;
}

Stanza IqCall::run()
{
    return call_handler(instance, handler, iq).stanza(iq.stanza());
}

Stanza IqCall::error(StanzaError::Condition condition, std::string_view text) const
{
    return iq.stanza().error_reply(
        StanzaError { .condition = condition, .text = std::string(text) });
}

namespace {

    Stanza too_much(const IqCall& call)
    {
        return call.error(StanzaError::Condition::resource_constraint,
            "too many requests of this kind are waiting: try again later");
    }

    /// Queues chosen by the sender; of each, one call is under way at the most.
    class SenderLanes : public IqQueue, public std::enable_shared_from_this<SenderLanes> {
    public:
        SenderLanes(Runs runs, std::uint32_t count, const IqLimits& limits)
            : IqQueue(runs)
            , limits_(limits)
            , lanes_(count)
        {
        }

        void push(std::unique_ptr<IqCall> call) override
        {
            if (!call->reserve(budget_, limits_)) {
                VirtualHost& host = call->host;
                return host.route(too_much(*call));
            }
            Lane& lane = lanes_[JidHash()(call->iq.from().bare_text()) % lanes_.size()];
            {
                const std::lock_guard lock(lane.mutex);
                lane.waiting.push_back(std::move(call));
                if (std::exchange(lane.is_busy, true))
                    return;
            }
            begin(lane);
        }

    protected:
        struct Lane {
            std::mutex mutex;
            std::deque<std::unique_ptr<IqCall>> waiting; // guarded
            bool is_busy = false; // guarded
        };

        /// The lane has become busy: call take() until it answers null.
        virtual void begin(Lane& lane) = 0;

        std::unique_ptr<IqCall> take(Lane& lane)
        {
            const std::lock_guard lock(lane.mutex);
            if (lane.waiting.empty()) {
                lane.is_busy = false;
                return nullptr;
            }
            auto call = std::move(lane.waiting.front());
            lane.waiting.pop_front();
            return call;
        }

        const IqLimits limits_;

    private:
        std::vector<Lane> lanes_;
    };

    /// Lanes of handlers that may block: each is worked off by one worker thread at a time.
    class PoolLanes final : public SenderLanes {
    public:
        PoolLanes(std::uint32_t count, const IqLimits& limits, PoolBacklog& pool)
            : SenderLanes(Runs::in_pool, count, limits)
            , pool_(pool)
        {
        }

    private:
        void begin(Lane& lane) override
        {
            pool_.run([self = shared_from_this(), this, &lane] { work(lane); });
        }

        void work(Lane& lane)
        {
            // A few at once, then others get their turn with the thread.
            for (int left = 16; left > 0; --left) {
                const auto call = take(lane);
                if (!call)
                    return;
                call->host.route(call->run());
            }
            begin(lane);
        }

        PoolBacklog& pool_;
    };

    /// Lanes of handlers that wait: a call runs on the loop where it arrived, after the one before
    /// it has answered, on whatever loop that was.
    class LoopLanes final : public SenderLanes {
    public:
        LoopLanes(std::uint32_t count, const IqLimits& limits)
            : SenderLanes(Runs::on_loop, count, limits)
        {
        }

    private:
        void begin(Lane& lane) override { go_on(lane); }

        void go_on(Lane& lane)
        {
            auto call = take(lane);
            if (!call)
                return;
            // By mail even on the same loop: a long queue must not become a deep stack.
            KernelLoop& loop = *call->loop;
            loop.post([self = shared_from_this(), this, &lane, call = std::move(call)]() mutable {
                run(lane, std::move(call));
            });
        }

        void run(Lane& lane, std::unique_ptr<IqCall> call)
        {
            const auto answered
                = [self = shared_from_this(), this, &lane](const IqCall& ended, Stanza reply) {
                      ended.host.route(std::move(reply));
                      go_on(lane);
                  };
            // Who has waited this long has given up; the queue gets shorter.
            if (call->loop->now() - call->since > limits_.time)
                return answered(*call, too_much(*call));
            run_waiting(std::move(call), limits_.time, answered);
        }
    };

    /// Everything at once; answers leave in the order of the questions of each sender.
    class Parallel final : public IqQueue, public std::enable_shared_from_this<Parallel> {
    public:
        enum class Replies { in_order, as_they_come };
        Parallel(Runs runs, Replies replies, const IqLimits& limits, PoolBacklog& pool)
            : IqQueue(runs)
            , replies_(replies)
            , limits_(limits)
            , pool_(pool)
        {
        }

        void push(std::unique_ptr<IqCall> call) override
        {
            if (!call->reserve(budget_, limits_)) {
                VirtualHost& host = call->host;
                return host.route(too_much(*call));
            }
            OrderedReplies::Place place;
            if (replies_ == Replies::in_order)
                place = ordered_.take_place(call->iq.from().text());
            if (runs() == Runs::on_loop)
                return run_waiting(std::move(call), limits_.time,
                    [self = shared_from_this(), this, place](const IqCall& ended, Stanza reply) {
                        answer(place, ended.host, std::move(reply));
                    });
            pool_.run([self = shared_from_this(), this, place, call = std::move(call)]() mutable {
                answer(place, call->host, call->run());
                call.reset();
            });
        }

    private:
        void answer(const OrderedReplies::Place& place, VirtualHost& host, Stanza reply)
        {
            if (place)
                ordered_.fill(place, host, std::move(reply));
            else
                host.route(std::move(reply));
        }

        const Replies replies_;
        const IqLimits limits_;
        PoolBacklog& pool_;
        OrderedReplies ordered_;
    };

}

std::shared_ptr<IqQueue> make_iq_queue(const Registrations::IqHandler& handler, Discipline declared,
    PoolBacklog& pool, const IqLimits& limits)
{
    using Kind = Discipline::Kind;
    const Discipline given = handler.options.discipline;
    const bool waits = bool(handler.waiting_handler);
    if (!waits && given.kind == Kind::no_queue)
        return nullptr;
    const auto runs = waits || declared.kind == Kind::no_queue ? IqQueue::Runs::on_loop
                                                               : IqQueue::Runs::in_pool;
    switch (given.kind) {
    case Kind::no_queue:
        return std::make_shared<Parallel>(runs, Parallel::Replies::as_they_come, limits, pool);
    case Kind::parallel:
        return std::make_shared<Parallel>(runs, Parallel::Replies::in_order, limits, pool);
    case Kind::one_queue:
    case Kind::queues:
        break;
    }
    const std::uint32_t count
        = given.kind == Kind::one_queue ? 1 : std::max<std::uint32_t>(1, given.count);
    if (runs == IqQueue::Runs::in_pool)
        return std::make_shared<PoolLanes>(count, limits, pool);
    return std::make_shared<LoopLanes>(count, limits);
}

std::shared_ptr<IqQueue> make_strand(
    const Registrations::IqHandler& handler, PoolBacklog& pool, const IqLimits& limits)
{
    if (handler.queue || !handler.handler || handler.component != Component::local)
        return nullptr;
    return std::make_shared<PoolLanes>(1, limits, pool);
}

}
