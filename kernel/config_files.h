// conf.d: its files in order, parsed and merged into one table.
#pragma once

#include <nuncio/schema.h>
#include <nuncio/value.h>

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

/// Parses TOML. Every value and key carries its place under the name `file`. When there is an error
/// it is appended, and what came before it is lost.
Value parse_toml(std::string_view text, const std::string& file, std::vector<ConfigError>& errors);

enum class Conflict {
    is_error, ///< the same key in two files
    overrides, ///< the later one wins
};

/// Tables merge key by key; lists of tables ([[listen]]) are joined. Anything else that is set
/// twice is an error that names both places.
void merge_tables(Value& into, Value from, Conflict conflict, std::vector<ConfigError>& errors);

/// All `*.toml` of `folder` by name, merged. The administrator's `local.toml` and `9*-local*.toml`
/// come last, and override.
Value read_config_files(const std::string& folder, std::vector<ConfigError>& errors);

}
