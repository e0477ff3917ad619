// Where the plugins lie that a test's server takes.
#pragma once

#include <string>
#include <vector>

namespace nuncio::test {

/// Those that exist of: `plugins` beside this program's folder, where nuncio_add_plugin() builds;
/// the test kit's own storage and auth backend; the server's installed plugins.
std::vector<std::string> plugin_folders();

}
