// Reads a configuration folder into Settings, and tells everything that is wrong with it.
#pragma once

#include "plugin_catalog.h"
#include "settings.h"

#include <string>
#include <vector>

namespace nuncio::kernel {

struct ConfigReading {
    Settings settings; ///< only to be used when there are no errors
    std::vector<ConfigError> errors; ///< by place

    bool ok() const { return errors.empty(); }
    /// All errors, a line each.
    std::string text() const;
};

/// Reads, merges and checks. Changes nothing anywhere.
ConfigReading read_config(const ConfigSource& source, PluginCatalog& plugins);

/// The same for a table that was merged already: for tests and the fuzzer.
ConfigReading read_config(const Value& root, const ConfigSource& source, PluginCatalog& plugins);

}
