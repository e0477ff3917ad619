// What a client must hear next: the checks of transcripts and of the test kit.
#pragma once

#include "match.h"
#include "scripted_server.h"

#include <nuncio/result.h>

#include <optional>
#include <string>

namespace nuncio::test {

/// The elements of a text, as children of one wrapper in the namespace of client streams.
Result<Element> read_block(const std::string& text);

/// The next thing heard is this stanza. Answers what differs, or nothing.
std::optional<std::string> expect_next(
    ScriptedClient& client, ElementRef expected, Strictness strictness, Bindings& bindings);

/// The next things heard are the children of `block`, in any order.
std::optional<std::string> expect_in_any_order(
    ScriptedClient& client, ElementRef block, Bindings& bindings);

}
