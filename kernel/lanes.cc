#include "lanes.h"

#include "worker_pool.h"

namespace nuncio::kernel {

void Lanes::add(WorkerPool& pool)
{
    const std::lock_guard lock(mutex_);
    pools_.push_back(&pool);
}

void Lanes::remove(WorkerPool& pool)
{
    const std::lock_guard lock(mutex_);
    std::erase(pools_, &pool);
}

void Lanes::drain()
{
    const std::lock_guard lock(mutex_);
    for (WorkerPool* pool : pools_)
        pool->drain();
}

}
