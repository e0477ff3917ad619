// What taking up a changed configuration will do, option by option, before anything is done.
#pragma once

#include "plugin_catalog.h"

#include <nuncio/value.h>

#include <string>
#include <vector>

namespace nuncio::kernel {

/// A row for each option that differs: its name, both values as written, and the effect. Both are
/// merged tables of a whole configuration folder: `before` what holds now, as hold_back() left it.
/// The values of secret options are left out.
Value::Array plan_reload(const Value& before, const Value& after, PluginCatalog& plugins);
/// Takes back in `after` what waits for a restart, so that `after` tells what holds until then.
/// Answers the names of these options, as plans write them.
std::vector<std::string> hold_back(const Value& before, Value& after);

}
