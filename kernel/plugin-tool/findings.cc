// How findings are told.
#include "findings.h"

#include <algorithm>

namespace nuncio::tool {

bool has_failure(const Findings& findings)
{
    return std::ranges::any_of(findings,
        [](const Finding& finding) { return finding.weight == Finding::Weight::failure; });
}

std::string describe(const std::string& file, const Findings& findings)
{
    std::string text;
    for (const Finding& finding : findings) {
        text += file + (finding.weight == Finding::Weight::failure ? ": fails: " : ": warning: ");
        // Some errors name the file already.
        const bool is_named = finding.what.starts_with(file + ": ");
        text += (is_named ? finding.what.substr(file.size() + 2) : finding.what) + '\n';
        if (!finding.next.empty())
            text += "    next: " + finding.next + '\n';
    }
    return text;
}

}
