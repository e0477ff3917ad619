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

struct BuiltPlugin {
    std::string file; ///< appeared there whole
    /// Where the server that was installed with the SDK looks for plugins; empty without one.
    std::string plugins;
};
/// Of a failure nothing is left.
Result<BuiltPlugin> build_plugin(const BuildOptions& options);

}
