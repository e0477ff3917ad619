// RFC 6120 §4.7: the client's stream header, checked, and ours.
#pragma once

#include <nuncio/error.h>
#include <nuncio/xml.h>

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::kernel {

/// What a client's header says.
struct StreamHeader {
    std::string to; ///< prepared; empty when it is missing or no domain
    std::string from; ///< a prepared bare JID, or empty
    std::string lang; ///< the default language of what the client sends; may be empty
    std::optional<StreamError> error; ///< why the stream cannot be; the rest is still as said
};

/// Checks everything but whether `to` is served here. `default_ns` is the namespace of unprefixed
/// stanzas on that stream.
StreamHeader read_stream_header(ElementRef header, std::string_view default_ns);

/// `from` empty: nobody here answers for the domain that was asked for (RFC 6120 §4.9.1.3).
void append_stream_header(
    std::string& out, std::string_view id, std::string_view from, std::string_view to);

inline constexpr std::string_view stream_end_tag = "</stream:stream>";

}
