// Two parsers that know nothing of ours, for comparison: Xerces-C++ and expat.
#pragma once

#include <string>
#include <string_view>

namespace oracle {

/// What a parser made of a document.
struct Verdict {
    bool accepted = false;
    /// The tree, written in one way: `(name|ns [name|ns=value …] "text" (child …))`, attributes
    /// sorted.
    std::string tree;
};

/// Expanded names by expat itself.
Verdict read_with_expat(std::string_view document);
/// The scanner that parse_document uses, with Xerces' own resolver of namespaces.
Verdict read_with_xerces(std::string_view document);

/// Pieces of the written form, so that all three write alike.
std::string quoted(std::string_view text);

}
