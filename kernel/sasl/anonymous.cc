#include "anonymous.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <utility>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::ptrdiff_t max_trace_characters = 255; // RFC 4505 §2: token = 1*255TCHAR

    bool begins_character(char byte)
    {
        return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
    }

}

Step Anonymous::respond(std::string_view message)
{
    using enum Failure;
    if (!message.empty()) {
        // RFC 4505 §3 has a profile of stringprep for it, which nobody needs any more: the one of
        // resources keeps out as much.
        auto trace = prepare_resource(message);
        if (!trace)
            return Step::fail(malformed_request, "the trace information is not a line of UTF-8");
        if (std::ranges::count_if(*trace, begins_character) > max_trace_characters)
            return Step::fail(malformed_request, "the trace information is too long");
        trace_ = *std::move(trace);
    }
    return { Step::Kind::ask_anonymous };
}

Step Anonymous::resume(BackendAnswer answer)
{
    if (answer.users.size() != 1)
        return Step::fail(Failure::temporary_auth_failure);
    user_ = std::move(answer.users.front());
    return Step::success();
}

}
