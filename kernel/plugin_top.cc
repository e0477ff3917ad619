// The answer of `nuncioctl plugin top`.
#include "plugin_top.h"

#include "iq_queue.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace nuncio::kernel {

namespace {

    std::map<const HandlerMeter*, std::size_t> queue_lengths(const Server& server)
    {
        std::map<const HandlerMeter*, std::size_t> lengths;
        for (const auto& host : server.hosts())
            for (const auto& instance : host->published()->instances)
                for (const auto& handler : instance->registrations().iq_handlers)
                    for (const auto& queue : { handler.queue, handler.strand })
                        if (queue)
                            lengths[handler.meter] += queue->calls();
        return lengths;
    }

    /// One digit behind the point is as much as a table can use.
    Value rounded(double number)
    {
        return std::round(number * 10) / 10;
    }

}

Value plugin_top(Server& server, std::string_view plugin)
{
    const HandlerMeters& meters = server.meters();
    const double tick_us = 1e6 / meters.rate().per_second();
    const double seconds = std::max(1e-3, double(meters.rate().age().count()) / 1e9);
    const auto queues = queue_lengths(server);

    struct Row {
        std::uint64_t ticks;
        Value value;
    };
    std::vector<Row> rows;
    for (const HandlerMeter* const meter : meters.all()) {
        const HandlerMeter::Name& name = meter->name();
        const auto figures = meter->figures();
        if (figures.calls == 0 || (!plugin.empty() && name.plugin != plugin))
            continue;
        const double time_us = double(figures.ticks) * tick_us;
        Value row;
        row["plugin"] = name.plugin;
        row["host"] = name.host;
        row["handler"]
            = std::string(to_string(name.kind)) + (name.handler.empty() ? "" : ' ' + name.handler);
        row["calls"] = figures.calls;
        row["calls_per_second"] = rounded(double(figures.calls) / seconds);
        row["cpu_percent"] = rounded(time_us / seconds / 1e4);
        row["mean_us"] = rounded(time_us / double(figures.calls));
        row["p99_us"] = rounded(double(figures.p99) * tick_us);
        row["worst_us"] = rounded(double(figures.worst) * tick_us);
        row["total_us"] = std::uint64_t(time_us);
        row["bytes_per_call"] = figures.bytes / figures.calls;
        const auto queue = queues.find(meter);
        row["queue"] = std::uint64_t(queue == queues.end() ? 0 : queue->second);
        row["failures"] = figures.failures;
        row["demoted"] = meter->is_demoted();
        rows.push_back({ figures.ticks, std::move(row) });
    }
    std::ranges::stable_sort(rows, std::greater(), &Row::ticks);
    Value::Array all;
    for (Row& row : rows)
        all.push_back(std::move(row.value));
    return all;
}

}
