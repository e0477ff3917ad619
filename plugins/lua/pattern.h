// Lua's patterns (reference manual §6.4.1), matched with a meter running.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nuncio::lua {

/// One search of a pattern in a subject. Every comparison is a step; when the steps are used up, or
/// the pattern is no pattern, matching ends with a Failure.
class Pattern {
public:
    static constexpr std::size_t most_captures = 32;

    enum class Failure {
        none,
        steps, ///< the budget for this search is used up
        depth, ///< the pattern nests deeper than it may
        malformed, ///< see `complaint`
    };

    struct Capture {
        static constexpr std::ptrdiff_t position = -1; ///< `()`: a place, not a text
        static constexpr std::ptrdiff_t open = -2;
        const char* begin = nullptr;
        std::ptrdiff_t size = 0;
    };

    /// Grants the next steps of a search, or 0: enough is enough.
    struct Meter {
        std::int64_t (*grant)(void* with);
        void* with;
    };

    Pattern(std::string_view subject, std::string_view pattern, Meter meter)
        : begin_(subject.data())
        , end_(subject.data() + subject.size())
        , pattern_(pattern.data())
        , pattern_end_(pattern.data() + pattern.size())
        , meter_(meter)
    {
    }

    /// The end of a match that begins exactly at `offset`, or null. The captures are those of this
    /// match.
    const char* match_at(std::size_t offset);

    Failure failure() const { return failure_; }
    const char* complaint() const { return complaint_; }
    /// Granted, but not used.
    std::int64_t steps_left() const { return steps_ > 0 ? steps_ : 0; }
    std::size_t captures() const { return level_; }
    const Capture& capture(std::size_t i) const { return captures_[i]; }

private:
    using Text = const char*;
    static constexpr int most_depth = 200;

    Text match(Text at, Text rule);
    Text match_balance(Text at, Text rule);
    Text match_frontier(Text at, Text rule, bool& holds);
    Text expand(Text at, Text rule, Text after, bool greedy);
    Text open_capture(Text at, Text rule, std::ptrdiff_t kind);
    Text close_capture(Text at, Text rule);
    Text match_back_reference(Text at, char digit);
    Text end_of_class(Text rule);
    bool matches_one(Text at, Text rule, Text after);
    bool matches_set(unsigned char c, Text rule, Text last);
    bool step() { return --steps_ >= 0 || refill(); }
    bool refill();
    Text complain(const char* text);

    Text begin_, end_, pattern_, pattern_end_;
    Meter meter_;
    std::int64_t steps_ = 0;
    Failure failure_ = Failure::none;
    const char* complaint_ = "";
    int depth_ = 0;
    std::size_t level_ = 0;
    std::array<Capture, most_captures> captures_;
};

}
