// A waiting IQ handler: its task, its clock, and whichever of the two is first.
#include "waiting_call.h"

#include "loop.h"
#include "plugin_task.h"
#include "stanza_outline.h"

namespace nuncio::kernel {

namespace {

    using Answered = Function<void(const IqCall&, Stanza)>;

    /// What follows is the kernel's own doing, though a plugin's code may be below on the stack.
    class InKernel {
    public:
        InKernel()
            : before_(exchange_current_plugin(nullptr))
        {
        }
        ~InKernel() { exchange_current_plugin(before_); }
        InKernel(const InKernel&) = delete;
        InKernel& operator=(const InKernel&) = delete;

    private:
        void* before_;
    };

    struct Waiting {
        std::unique_ptr<IqCall> call;
        Answered answered;
        Timer timer;
        bool is_ended = false;

        void answer(Stanza reply)
        {
            if (!answered)
                return; // Too late: the time-out has answered.
            const Answered once = std::exchange(answered, nullptr);
            once(*call, std::move(reply));
        }
    };

    Stanza failure(const IqCall& call)
    {
        return call.error(StanzaError::Condition::internal_server_error, {});
    }

    Detached run_to_end(std::shared_ptr<Waiting> waiting) // shared: with the timer
    {
        IqCall& call = *waiting->call;
        Stanza reply;
        {
            task<IqReply> job;
            try {
                job = call.handler.waiting_handler(call.iq);
                const IqReply given = co_await job;
                reply = given.stanza(call.iq.stanza());
            } catch (...) {
                const std::string text = thrown_text();
                call.instance.log().error("its iq handler of {} threw: {}", call.handler.ns, text);
                if (call.handler.meter)
                    call.handler.meter->count_failure();
                reply = failure(call);
            }
        }
        const InKernel kernel;
        waiting->is_ended = true;
        waiting->timer.cancel();
        waiting->answer(std::move(reply));
        waiting->call.reset();
    }

}

void run_waiting(std::unique_ptr<IqCall> call, Duration time, Answered answered)
{
    if (!call->handler.waiting_handler)
        return answered(*call, call->run());

    auto waiting = std::make_shared<Waiting>();
    waiting->call = std::move(call);
    waiting->answered = std::move(answered);
    {
        const StanzaOutline outline(waiting->call->iq.stanza()); // the call may end in here
        const InPlugin inside(waiting->call->instance, waiting->call->handler.meter);
        const Handling handling(outline);
        run_to_end(waiting);
    }
    if (waiting->is_ended)
        return;
    const InKernel kernel;
    waiting->timer = waiting->call->loop->after(time, [waiting] {
        const IqCall& late = *waiting->call;
        late.instance.log().warn("its iq handler of {} has not answered in time", late.handler.ns);
        waiting->answer(failure(late));
    });
}

}
