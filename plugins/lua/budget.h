// What a script may use in one go.
#pragma once

#include <nuncio/loop.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nuncio::lua {

/// Bounds on one slice: from the call of a handler to its end or to the next `await`. Memory is
/// what the script's state holds altogether.
struct Budget {
    std::int64_t instructions = 200'000;
    Duration slow = 2ms; ///< told in the log
    Duration time = 10ms; ///< ended
    std::size_t memory = 4 * 1024 * 1024;
};

/// Which bound was passed.
enum class Excess { none, instructions, time, memory };

constexpr std::string_view to_string(Excess excess)
{
    switch (excess) {
    case Excess::none:
        break;
    case Excess::instructions:
        return "it used more instructions than it may";
    case Excess::time:
        return "it took longer than it may";
    case Excess::memory:
        return "it needed more memory than it may";
    }
    return {};
}

}
