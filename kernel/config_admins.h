// The lists of administrators in a configuration.
#pragma once

#include <nuncio/schema.h>

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

/// Prepares them in place. What is no account is an error at `value`, where they were read from.
void prepare_admins(std::vector<std::string>& admins, const Value* value, std::string_view path,
    std::vector<ConfigError>& errors);

}
