// Answers for eyes: tables aligned, sizes and times in words.
#pragma once

#include <nuncio/value.h>

#include <string>

namespace nuncio::ctl {

/// A table as `key  value` lines, a list of tables as columns with a heading. Nothing that a peer
/// chose can drive the terminal.
std::string to_text(const Value& answer);

}
