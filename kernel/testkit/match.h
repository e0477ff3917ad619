// Compares what was heard with what a transcript expects.
#pragma once

#include <nuncio/xml.h>

#include <map>
#include <optional>
#include <string>

namespace nuncio::test {

/// What `{name}` stood for so far.
using Bindings = std::map<std::string, std::string>;

enum class Strictness {
    exact, ///< nothing but what is expected may be there
    some, ///< more attributes and children may be there
};

/// Answers the first difference, or nothing. Binds names only when everything matches.
std::optional<std::string> difference(
    ElementRef expected, ElementRef heard, Strictness strictness, Bindings& bindings);

/// Replaces every `{name}` that is bound.
std::string substitute(std::string text, const Bindings& bindings);

}
