// The stream tokenizer: bytes in, header / stanza / end out. Strict XML as RFC 6120 §11 restricts
// it.
#pragma once

#include <nuncio/xml.h>

#include <memory>
#include <string_view>

namespace nuncio::inline v1 {

/// An incremental parser of one XML stream. Push bytes in pieces of any size, pull events. Between
/// stanzas it holds under 200 bytes; a half-read stanza is held in an arena bounded by the limits.
/// Not safe for concurrent use; may be moved between threads.
class NUNCIO_API XmlStream {
public:
    explicit XmlStream(const XmlLimits& limits = {});
    XmlStream(XmlStream&&) noexcept;
    XmlStream& operator=(XmlStream&&) noexcept;
    ~XmlStream();

    /// What next() found.
    enum class Event {
        need_more, ///< everything given was consumed
        header, ///< the stream element's start tag: `take()` has it, without children
        stanza, ///< one complete first-level element: `take()` has it
        end, ///< the stream's end tag
        error, ///< see error(); the stream cannot go on
    };

    /// Reads from the front of `input` until one event is complete, and removes what was read.
    /// White space between stanzas is skipped (and counted as a keep-alive by the caller, who sees
    /// bytes arrive without an event).
    Event next(std::string_view& input);

    /// The element of the last header or stanza event.
    Element take();
    const XmlError& error() const;

    /// The namespace that an unprefixed first-level element has (`jabber:client`).
    std::string_view default_ns() const;

    /// Forgets everything and expects a new header: a stream restart (RFC 6120 §4.3.3). Bytes not
    /// yet given are not affected.
    void restart();
    /// In WebSocket framing every element stands alone: no header is expected (RFC 7395).
    void expect_single_elements();

    /// Holds from the next byte on: what is allowed grows with a login.
    void set_limits(const XmlLimits& limits);
    /// Bytes held now, for accounting.
    std::size_t memory() const;
    /// Bytes read or moved so far, those read twice counted twice. It stays in proportion to the
    /// bytes given, however they are cut.
    std::uint64_t work() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}
