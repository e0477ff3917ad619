// What taking up a changed configuration will do, option by option, before anything is done.
#pragma once

#include "plugin_catalog.h"

#include <nuncio/value.h>

#include <string>
#include <vector>

namespace nuncio::kernel {

/// A row for each option that differs: its name, both values as written, and the effect. Both are
/// merged tables of a whole configuration folder. The values of secret options are left out.
Value::Array plan_reload(const Value& before, const Value& after, PluginCatalog& plugins);
/// The names of those that wait for a restart.
std::vector<std::string> options_that_wait(const Value::Array& plan);

}
