// What plugins that may take their time have against something, awaited with a bound.
#pragma once

#include <nuncio/error.h>
#include <nuncio/task.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::kernel {

/// Of whom `limits.answer_time` has run out.
constexpr std::string_view answers_too_late
    = "a plugin that was to look into it has not answered in time (limits.answer_time)";

/// The first of these answers, in their order, that is one. All of them together have `time` on the
/// current loop's clock; after that `too_late` is the answer.
template <class Objection>
task<std::optional<Objection>> first_objection(
    std::vector<Completion<std::optional<Objection>>> waits, Duration time, Objection too_late)
{
    const TimePoint deadline = Loop::current()->now() + time;
    for (const auto& wait : waits) {
        auto answer = co_await within(wait, deadline - Loop::current()->now());
        if (!answer)
            co_return std::move(too_late);
        if (*answer)
            co_return *std::move(answer);
    }
    co_return std::optional<Objection>();
}

}
