// Retrying on the main loop, which is never the one that is busy.
#include "pool_backlog.h"

namespace nuncio::kernel {

namespace {

    constexpr Duration retry_delay = 2ms;

}

PoolBacklog::PoolBacklog(WorkerPool& pool, KernelLoop& main_loop)
    : pool_(pool)
    , main_loop_(main_loop)
{
}

PoolBacklog::~PoolBacklog() = default;

void PoolBacklog::run(Function<void()> job)
{
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty() && pool_.submit(job))
            return;
        waiting_.push_back(std::move(job));
        if (std::exchange(is_retrying_, true))
            return;
    }
    main_loop_.post([this] { retry_later(); });
}

std::size_t PoolBacklog::waiting() const
{
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

void PoolBacklog::retry_later()
{
    timer_ = main_loop_.after(retry_delay, [this] { hand_over(); });
}

void PoolBacklog::hand_over()
{
    {
        const std::lock_guard lock(mutex_);
        while (!waiting_.empty() && pool_.submit(waiting_.front()))
            waiting_.pop_front();
        is_retrying_ = !waiting_.empty();
        if (!is_retrying_)
            return;
    }
    main_loop_.post([this] { retry_later(); });
}

}
