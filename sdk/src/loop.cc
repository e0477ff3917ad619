// The plugin-facing side of a loop: timers, and what a thread is doing right now.
#include <nuncio/loop.h>

#include <algorithm>

namespace nuncio::inline v1 {

namespace {

    constinit thread_local Loop* loop_of_this_thread = nullptr;
    constinit thread_local void* plugin_of_this_thread = nullptr;

    // A period of nothing would keep its loop busy for ever.
    constexpr Duration shortest_period = 1ms;

}

Loop::~Loop() = default;

Loop* Loop::current()
{
    return loop_of_this_thread;
}

void Loop::set_current(Loop* loop)
{
    loop_of_this_thread = loop;
}

Timer Loop::after(Duration delay, Function<void()> job)
{
    return Timer(*this, start_timer(std::max(delay, Duration::zero()), {}, std::move(job)));
}

Timer Loop::every(Duration delay, Function<void()> job)
{
    const auto period = std::max(delay, shortest_period);
    return Timer(*this, start_timer(period, period, std::move(job)));
}

void Timer::cancel()
{
    if (auto* loop = std::exchange(loop_, nullptr))
        loop->stop_timer(id_);
}

bool Timer::is_active() const
{
    return loop_ && loop_->has_timer(id_);
}

void* current_plugin()
{
    return plugin_of_this_thread;
}

void* exchange_current_plugin(void* plugin)
{
    return std::exchange(plugin_of_this_thread, plugin);
}

}
