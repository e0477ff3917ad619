#include <nuncio/port_protocol.h>

#include <algorithm>

namespace nuncio::inline v1 {

namespace {

    constexpr std::size_t answer_bytes = 4;
    constexpr std::size_t shown_bytes = 32;

    unsigned number_at(std::string_view bytes, std::size_t at)
    {
        return static_cast<unsigned char>(bytes[at]) << 8U
            | static_cast<unsigned char>(bytes[at + 1]);
    }

    /// Printable ASCII as it is, everything else as \xNN.
    std::string shown(std::string_view bytes)
    {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text;
        for (const char byte : bytes.substr(0, shown_bytes)) {
            const auto value = static_cast<unsigned char>(byte);
            if (value >= 0x20 && value < 0x7F && byte != '\\')
                text += byte;
            else
                text += { '\\', 'x', digits[value >> 4U], digits[value & 15U] };
        }
        return text;
    }

}

Result<std::string> make_port_packet(std::string_view payload)
{
    if (payload.size() > port_packet_bytes)
        return Error { "a request of " + std::to_string(payload.size())
                + " bytes does not fit into a packet of " + std::to_string(port_packet_bytes),
            Error::Kind::limit };
    std::string packet;
    packet.reserve(2 + payload.size());
    packet += static_cast<char>(payload.size() >> 8U);
    packet += static_cast<char>(payload.size() & 0xFFU);
    packet += payload;
    return packet;
}

Result<std::optional<std::uint16_t>> PortAnswer::read(std::string_view bytes)
{
    bytes_ += bytes.substr(0, std::max(shown_bytes, bytes_.size()) - bytes_.size());
    const std::string_view all = bytes_;
    // What is wrong already is told at once: nobody waits for the rest of a greeting.
    const bool is_right = std::string_view("\0\2", 2).starts_with(all.substr(0, 2))
        && all.size() <= answer_bytes && (all.size() < answer_bytes || number_at(all, 2) < codes_);
    if (!is_right)
        return Error { "answered \"" + shown(all) + "\": expected the bytes 00 02 and a code below "
                + std::to_string(codes_) + " in two bytes",
            Error::Kind::unavailable };
    if (all.size() < answer_bytes)
        return std::optional<std::uint16_t>();
    return std::optional(static_cast<std::uint16_t>(number_at(all, 2)));
}

}
