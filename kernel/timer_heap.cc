#include "timer_heap.h"

#include <algorithm>
#include <cassert>

namespace nuncio::kernel {

std::uint64_t TimerHeap::start(TimePoint due, Duration repeat, Function<void()> job, void* plugin)
{
    std::uint32_t index = 0;
    if (free_.empty()) {
        index = static_cast<std::uint32_t>(records_.size());
        assert(index < index_mask);
        records_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
    }
    auto& record = records_[index];
    record.job = std::move(job);
    record.plugin = plugin;
    record.repeat = repeat;
    record.id = (++order_ << index_bits) | index;
    const auto id = record.id;
    heap_.emplace_back();
    put(heap_.size() - 1, { due, order_, index });
    sift_up(heap_.size() - 1);
    return id;
}

void TimerHeap::stop(std::uint64_t id)
{
    const auto* record = find(id);
    if (!record)
        return;
    remove_at(record->at);
    free(static_cast<std::uint32_t>(id & index_mask));
}

bool TimerHeap::has(std::uint64_t id) const
{
    return find(id) != nullptr;
}

std::optional<TimePoint> TimerHeap::next_due() const
{
    if (heap_.empty())
        return std::nullopt;
    return heap_.front().due;
}

std::optional<TimerHeap::Due> TimerHeap::take_due(TimePoint now)
{
    if (heap_.empty() || heap_.front().due > now)
        return std::nullopt;
    const auto index = heap_.front().record;
    auto& record = records_[index];
    Due due { record.id, std::move(record.job), record.plugin };
    if (record.repeat == Duration::zero()) {
        remove_at(0);
        free(index);
        return due;
    }
    // Whoever was late by several periods is called once, not once for each.
    auto& entry = heap_.front();
    entry.due = std::max(entry.due + record.repeat, now + Duration(1));
    entry.order = ++order_;
    sift_down(0);
    return due;
}

void TimerHeap::rearm(Due due)
{
    if (find(due.id))
        records_[due.id & index_mask].job = std::move(due.job);
}

const TimerHeap::Record* TimerHeap::find(std::uint64_t id) const
{
    const auto index = id & index_mask;
    if (id == 0 || index >= records_.size() || records_[index].id != id)
        return nullptr;
    return &records_[index];
}

void TimerHeap::put(std::size_t at, Entry entry)
{
    heap_[at] = entry;
    records_[entry.record].at = at;
}

void TimerHeap::sift_up(std::size_t at)
{
    const auto entry = heap_[at];
    while (at > 0 && entry.before(heap_[(at - 1) / 2])) {
        put(at, heap_[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(at, entry);
}

void TimerHeap::sift_down(std::size_t at)
{
    const auto entry = heap_[at];
    for (;;) {
        auto child = 2 * at + 1;
        if (child >= heap_.size())
            break;
        if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child]))
            ++child;
        if (!heap_[child].before(entry))
            break;
        put(at, heap_[child]);
        at = child;
    }
    put(at, entry);
}

void TimerHeap::remove_at(std::size_t at)
{
    const auto last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size())
        return;
    put(at, last);
    sift_up(at);
    sift_down(records_[last.record].at);
}

void TimerHeap::free(std::uint32_t index)
{
    auto& record = records_[index];
    record.id = 0;
    // Last: what the job held may start or stop timers while it is destroyed.
    free_.push_back(index);
    const auto job = std::move(record.job);
}

}
