// A new plugin to start from: it compiles, and its test passes.
#pragma once

#include <nuncio/result.h>

#include <string>

namespace nuncio::tool {

/// Makes the folder `where/name` with a source, a test, a CMakeLists and a fragment for conf.d.
/// Refuses when it exists. Answers the folder.
Result<std::string> make_scaffold(const std::string& name, const std::string& where);

}
