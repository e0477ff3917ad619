// Serves and reloads a plugin again and again, with faults, and looks whether anything was lost.
#pragma once

#include "findings.h"
#include "plugin_note.h"

#include <string>
#include <vector>

namespace nuncio::tool {

struct TortureOptions {
    unsigned rounds = 0;
    std::vector<std::string>
        plugin_folders; ///< with the plugins it requires, before the usual ones
    std::string plugin_toml; ///< the options of its table
};

struct Tortured {
    std::string summary; ///< one line
    Findings findings;
};

/// Runs the plugin's code in this process.
Tortured torture(const kernel::PluginNote& note, const TortureOptions& options);

}
