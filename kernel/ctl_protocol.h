// The words of the control socket, shared by the server and nuncioctl.
//
// A request is one line of JSON: {"command": "status", "arguments": {…}}. The answer is one line:
// {"result": …} or {"error": {"text": …, "kind": "not-found"}}. Lines {"progress": …} may precede
// it.
#pragma once

#include <nuncio/result.h>

#include <cstddef>
#include <string_view>

namespace nuncio::kernel::ctl {

inline constexpr std::size_t request_bytes = 262144; ///< of one request line

constexpr std::string_view to_string(Error::Kind kind)
{
    switch (kind) {
    case Error::Kind::invalid:
        return "invalid";
    case Error::Kind::not_found:
        return "not-found";
    case Error::Kind::conflict:
        return "conflict";
    case Error::Kind::refused:
        return "refused";
    case Error::Kind::unavailable:
        return "unavailable";
    case Error::Kind::limit:
        return "limit";
    case Error::Kind::internal:
        return "internal";
    case Error::Kind::disabled:
        return "disabled";
    case Error::Kind::expired:
        return "expired";
    }
    return {};
}

}
