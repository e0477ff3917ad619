// Copies of plugin files in the server's own folder.
#pragma once

#include "plugin_note.h"

#include <cstdint>
#include <string>

namespace nuncio::kernel {

struct PluginCopy {
    std::string path;
    std::uint32_t number = 0; ///< of the copies of this plugin, from 1
};

/// Copies `note.file` to `folder/NAME-BUILDID-NUMBER.so`, mode 0500. Refuses a source that others
/// than root and the server's user could change.
Result<PluginCopy> copy_plugin(const PluginNote& note, const std::string& folder);

}
