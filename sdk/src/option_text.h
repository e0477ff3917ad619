// How options are written in TOML, for messages and for the reference. Not installed.
#pragma once

#include <nuncio/schema.h>

#include <string>

namespace nuncio::inline v1::detail {

/// A value as a message quotes it: `the string "x"`, `12`, `a table`. Long ones are cut.
std::string describe(const Value& value);

/// Whether `value` is of the kind that `type` is written as.
Result<void> check_type(Schema::Type type, const Value& value);

}
