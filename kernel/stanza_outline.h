// What may be known of a stanza without reading anybody's mail.
#pragma once

#include <nuncio/stanza.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace nuncio::kernel {

/// "message chat id=1 a@x.example/r -> b@x.example <body> <x urn:example>": kind, type, id,
/// addresses, and the names of the children, on one line, long ones cut. Safe in a signal handler.
class StanzaOutline {
public:
    enum class Memory {
        sound,
        /// Somebody may have been interrupted while he changed the stanza, or have broken it:
        /// nothing is read that cannot be read, and never more than a little.
        doubtful,
    };
    static constexpr std::size_t most_bytes = 1024;
    static constexpr std::size_t most_children = 8;
    static constexpr std::size_t most_address_bytes = 256;

    StanzaOutline() = default;
    /// Of a stanza that was moved from, nothing is known.
    explicit StanzaOutline(const Stanza& stanza, Memory memory = Memory::sound);

    /// Lives as long as the outline.
    std::string_view text() const { return { text_.data(), size_ }; }

private:
    void put(std::string_view text);
    void put_cut(std::string_view text, std::size_t most);
    void put_id(const Attribute* attribute);
    void put_children(const Node& root);
    bool may_read(const void* at, std::size_t bytes) const;
    bool may_read(std::string_view text) const { return may_read(text.data(), text.size()); }

    std::array<char, most_bytes> text_;
    std::size_t size_ = 0;
    Memory memory_ = Memory::sound;
};

/// Of what the calling thread handles, and empty when that is no stanza. For signal handlers.
StanzaOutline outline_of_handled();

}
