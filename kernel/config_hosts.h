// The hosts of a configuration, each with its plugins' merged tables.
#pragma once

#include "plugin_catalog.h"
#include "settings.h"

#include <string>
#include <vector>

namespace nuncio::kernel {

/// Reads `[hosts.…]`, `[plugins.…]` and `[iq_disciplines]` of `root` into `settings.hosts`.
/// The other sections stand in `settings` already.
void read_hosts(const Value& root, const std::string& folder, PluginCatalog& plugins,
    Settings& settings, std::vector<ConfigError>& errors);

/// `path` as seen from `folder`; empty stays empty.
std::string path_from(const std::string& folder, const std::string& path);

}
