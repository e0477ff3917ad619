// Builds a plugin from its sources, without a build system.
#pragma once

#include <nuncio/result.h>

#include <string>
#include <vector>

namespace nuncio::tool {

struct BuildOptions {
    std::vector<std::string> sources;
    std::string output; ///< empty: NAME.so here, NAME that of the first source
    std::string prefix; ///< of the installed SDK; empty: the one of this program
    std::vector<std::string> more_flags;
    bool is_verbose = false;
};

/// Answers the file that was made. It appears there whole or not at all.
Result<std::string> build_plugin(const BuildOptions& options);

}
