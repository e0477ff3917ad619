// "Did you mean …?": the closest known name by edit distance.
#include <nuncio/schema.h>

#include <algorithm>

namespace nuncio::inline v1 {

namespace {

    /// Spelling that people mix up: case, and the two hyphens.
    char folded(char c)
    {
        if (c == '_')
            return '-';
        return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    }

    /// Damerau's distance: insertions, deletions, replacements and swaps of neighbours.
    std::size_t distance(std::string_view a, std::string_view b)
    {
        std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
        for (std::size_t j = 0; j <= b.size(); ++j)
            last[j] = j;
        for (std::size_t i = 1; i <= a.size(); ++i) {
            row[0] = i;
            for (std::size_t j = 1; j <= b.size(); ++j) {
                const bool is_same = folded(a[i - 1]) == folded(b[j - 1]);
                row[j] = std::min({ last[j] + 1, row[j - 1] + 1, last[j - 1] + (is_same ? 0 : 1) });
                if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2])
                    && folded(a[i - 2]) == folded(b[j - 1]))
                    row[j] = std::min(row[j], before[j - 2] + 1);
            }
            std::swap(before, last);
            std::swap(last, row);
        }
        return last[b.size()];
    }

}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known)
{
    // A name this long is no misspelling, and the cost is quadratic.
    constexpr std::size_t longest = 128;
    if (name.size() > longest)
        return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const auto candidate : known) {
        if (candidate.size() > longest)
            continue;
        const std::size_t found = distance(name, candidate);
        // A word that shares nothing with a short name is not "near" it.
        if (found < best_distance && found < std::min(name.size(), candidate.size())) {
            best = candidate;
            best_distance = found;
        }
    }
    return best;
}

}
