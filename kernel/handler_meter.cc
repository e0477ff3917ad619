// What the handlers of plugins cost: the rarer half.
#include "handler_meter.h"

#include <algorithm>

namespace nuncio::kernel {

constinit thread_local ThreadActivity this_thread;

double TickRate::per_second() const
{
    using namespace std::chrono_literals;
    std::chrono::duration<double> passed {};
    std::uint64_t counted = 0;
    do {
        passed = std::chrono::steady_clock::now() - clock_;
        counted = ticks() - ticks_;
    } while (passed < 1ms);
    return double(counted) / passed.count();
}

HandlerMeter::HandlerMeter(Name name, std::size_t places)
    : name_(std::move(name))
    , places_(places)
    , counts_(std::make_unique<std::atomic<Counts*>[]>(places))
{
}

HandlerMeter::~HandlerMeter()
{
    for (std::size_t i = 0; i < places_; ++i)
        delete counts_[i].load(std::memory_order_relaxed);
}

void HandlerMeter::count_shared(std::uint32_t place, std::uint64_t span, std::uint64_t bytes)
{
    std::atomic<Counts*>& at = counts_[place];
    Counts* counts = at.load(std::memory_order_acquire);
    if (!counts) {
        auto made = std::make_unique<Counts>();
        if (at.compare_exchange_strong(counts, made.get(), std::memory_order_acq_rel))
            counts = made.release();
    }
    counts->ticks.fetch_add(span, std::memory_order_relaxed);
    counts->bytes.fetch_add(bytes, std::memory_order_relaxed);
    counts->buckets[bucket_of(span)].fetch_add(1, std::memory_order_relaxed);
    auto worst = counts->worst.load(std::memory_order_relaxed);
    while (span > worst
        && !counts->worst.compare_exchange_weak(worst, span, std::memory_order_relaxed)) { }
}

HandlerMeter::Figures HandlerMeter::figures() const
{
    Figures sum;
    std::array<std::uint64_t, bucket_count> buckets {};
    for (std::size_t i = 0; i < places_; ++i) {
        const Counts* const counts = counts_[i].load(std::memory_order_acquire);
        if (!counts)
            continue;
        sum.ticks += counts->ticks.load(std::memory_order_relaxed);
        sum.bytes += counts->bytes.load(std::memory_order_relaxed);
        sum.worst = std::max(sum.worst, counts->worst.load(std::memory_order_relaxed));
        for (std::size_t at = 0; at < bucket_count; ++at)
            buckets[at] += counts->buckets[at].load(std::memory_order_relaxed);
    }
    sum.failures = failures();
    for (const std::uint64_t calls : buckets)
        sum.calls += calls;
    std::uint64_t slower = sum.calls / 100;
    for (std::size_t at = bucket_count; at-- > 0;) {
        if (buckets[at] > slower) {
            // The last one has no end.
            sum.p99 = at + 1 == bucket_count ? sum.worst : std::min(end_of_bucket(at), sum.worst);
            break;
        }
        slower -= buckets[at];
    }
    return sum;
}

std::string_view to_string(HandlerMeter::Kind kind)
{
    using enum HandlerMeter::Kind;
    switch (kind) {
    case start:
        return "start";
    case end:
        return "end";
    case hook:
        return "hook";
    case iq:
        return "iq";
    case domain:
        return "domain";
    case command:
        return "command";
    case service:
        return "service";
    case timer:
        return "timer";
    case task:
        return "task";
    case job:
        return "job";
    }
    return {};
}

HandlerMeter& HandlerMeters::meter(HandlerMeter::Name name)
{
    const std::lock_guard lock(mutex_);
    auto& found = meters_[name];
    if (!found)
        found = std::make_unique<HandlerMeter>(std::move(name), places_);
    return *found;
}

std::vector<HandlerMeter*> HandlerMeters::all() const
{
    const std::lock_guard lock(mutex_);
    std::vector<HandlerMeter*> all;
    all.reserve(meters_.size());
    for (const auto& [name, meter] : meters_)
        all.push_back(meter.get());
    return all;
}

}
