// How a waiting coroutine comes back: on its own loop, as code of its own plugin.
#include <nuncio/task.h>

#include <cassert>

namespace nuncio::inline v1 {

namespace {

    /// Runs `waiting` as code of `plugin`; whatever called us goes on as what it was.
    void resume_as(void* plugin, std::coroutine_handle<> waiting)
    {
        auto* const before = exchange_current_plugin(plugin);
        waiting.resume();
        exchange_current_plugin(before);
    }

}

namespace detail {

    bool CompletionBase::suspend(std::coroutine_handle<> waiting)
    {
        waiting_ = waiting;
        loop_ = Loop::current();
        plugin_ = current_plugin();
        int expected = empty;
        return state_.compare_exchange_strong(expected, waiting_now, std::memory_order_acq_rel);
    }

    void CompletionBase::abandon()
    {
        waiting_ = nullptr;
    }

    void CompletionBase::resolved_now()
    {
        const auto before = state_.exchange(resolved, std::memory_order_acq_rel);
        assert(before != resolved);
        if (before != waiting_now)
            return;
        auto resume = [self = shared_from_this()] {
            // The frame may have been destroyed on this loop while the letter was on its way.
            if (const auto waiting = std::exchange(self->waiting_, nullptr))
                resume_as(self->plugin_, waiting);
        };
        if (loop_)
            loop_->post(std::move(resume));
        else
            resume();
    }

}

namespace {

    struct Sleep {
        Duration delay;
        Timer timer;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiting)
        {
            timer = Loop::current()->after(delay, [waiting] { waiting.resume(); });
        }
        void await_resume() const { }
    };

}

task<void> sleep_for(Duration delay)
{
    assert(Loop::current());
    // A member of the frame: destroying the waiting task cancels the timer.
    Sleep sleep { delay, {} };
    co_await sleep;
}

}
