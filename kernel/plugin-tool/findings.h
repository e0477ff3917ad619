// What a check found, and how it is told: each with what to do next.
#pragma once

#include <string>
#include <vector>

namespace nuncio::tool {

struct Finding {
    enum class Weight { warning, failure };
    Weight weight = Weight::failure;
    std::string what;
    std::string next; ///< what to do about it
};

using Findings = std::vector<Finding>;

bool has_failure(const Findings& findings);
/// One paragraph for each, named after `file`.
std::string describe(const std::string& file, const Findings& findings);

}
