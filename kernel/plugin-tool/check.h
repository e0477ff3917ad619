// Whether a file is a plugin that the server can load, replace and let go.
#pragma once

#include "findings.h"
#include "plugin_note.h"

#include <optional>
#include <string>

namespace nuncio::tool {

struct Checked {
    std::optional<kernel::PluginNote> note; ///< none when it could not be read
    Findings findings;
};

/// Reads the file as data; no code of it runs.
Checked check_file(const std::string& file);

}
