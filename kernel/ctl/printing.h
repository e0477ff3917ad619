// Answers for eyes: tables aligned, sizes and times in words.
#pragma once

#include <nuncio/value.h>

#include <string>
#include <string_view>

namespace nuncio::ctl {

/// A table as `key  value` lines, a list of tables as columns with a heading. Nothing that a peer
/// chose can drive the terminal.
/// `command` asked for it: an empty list is told in its words.
std::string to_text(const Value& answer, std::string_view command = {});

}
