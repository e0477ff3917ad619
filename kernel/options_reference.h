// The reference of all options, generated from the schemas.
#pragma once

#include "plugin_catalog.h"

#include <string>

namespace nuncio::kernel {

enum class ReferenceFormat { text, markdown };

/// The server's sections, then every plugin that the catalog finds.
std::string options_reference(PluginCatalog& plugins, ReferenceFormat format);

}
