// `nuncioctl plugin top` on a terminal: the table of handlers, drawn every second.
#include "top.h"

#include "command_line.h"
#include "printing.h"
#include "terminal.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace nuncio::ctl {

namespace {

    using namespace std::chrono_literals;

    std::int64_t number_of(const Value& row, std::string_view key)
    {
        const Value* const found = row.find(key);
        return found ? found->as_integer() : 0;
    }

    const Value* same_handler(const Value& rows, const Value& as)
    {
        for (const Value& row : rows.as_array())
            if (text_of(row, "handler") == text_of(as, "handler")
                && text_of(row, "plugin") == text_of(as, "plugin")
                && text_of(row, "host") == text_of(as, "host"))
                return &row;
        return nullptr;
    }

    Value rounded(double number)
    {
        return std::round(number * 10) / 10;
    }

}

Value rates_since(const Value& before, const Value& now, std::chrono::duration<double> passed)
{
    struct Row {
        std::int64_t busy_us;
        Value value;
    };
    std::vector<Row> rows;
    for (const Value& row : now.as_array()) {
        const Value* const former = same_handler(before, row);
        const auto since = [&](std::string_view key) {
            return std::max<std::int64_t>(
                0, number_of(row, key) - (former ? number_of(*former, key) : 0));
        };
        const std::int64_t busy_us = since("total_us");
        Row& made = rows.emplace_back(Row { busy_us, row });
        made.value["calls_per_second"] = rounded(double(since("calls")) / passed.count());
        made.value["cpu_percent"] = rounded(double(busy_us) / passed.count() / 1e4);
    }
    std::ranges::stable_sort(rows, std::greater(), &Row::busy_us);
    Value::Array sorted;
    for (Row& row : rows)
        sorted.push_back(std::move(row.value));
    return sorted;
}

Value for_screen(const Value& rows)
{
    static constexpr std::pair<std::string_view, std::string_view> columns[]
        = { { "cpu_percent", "cpu %" }, { "calls_per_second", "calls/s" }, { "p99_us", "p99 us" },
              { "worst_us", "worst us" }, { "queue", "queue" }, { "failures", "failed" },
              { "plugin", "plugin" }, { "handler", "handler" }, { "host", "host" },
              { "mean_us", "mean us" }, { "bytes_per_call", "bytes/call" }, { "calls", "calls" } };
    Value::Array shown;
    for (const Value& row : rows.as_array()) {
        Value& line = shown.emplace_back();
        for (const auto& [key, heading] : columns)
            if (const Value* const value = row.find(key))
                line[heading] = *value;
        if (const Value* const demoted = row.find("demoted"); demoted && demoted->as_bool())
            line["handler"] = std::string(text_of(row, "handler")) + " (demoted)";
    }
    return shown;
}

Result<void> watch_top(Client& client, const Value& arguments)
{
    using Clock = std::chrono::steady_clock;
    auto rows = client.call("plugin top", arguments);
    auto drawn_at = Clock::now();
    if (!rows)
        return rows.error();
    Screen screen;
    // The line about it comes first: there may be more rows than the screen has.
    screen.show("rates since the server's start; q leaves\n\n" + to_text(for_screen(*rows)));
    while (screen.wait(1s)) {
        auto next = client.call("plugin top", arguments);
        if (!next)
            return next.error();
        const auto now = Clock::now();
        screen.show("rates of the last second; p99 and worst since the server's start; q leaves\n\n"
            + to_text(for_screen(rates_since(*rows, *next, now - drawn_at))));
        rows = std::move(next);
        drawn_at = now;
    }
    return {};
}

}
