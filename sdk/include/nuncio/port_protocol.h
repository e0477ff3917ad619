// The protocol of Erlang's port drivers with packets of two bytes length, as auth scripts speak it:
// https://www.erlang.org/doc/tutorial/c_portdriver.html
#pragma once

#include <nuncio/abi.h>
#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// What a length of two bytes can tell.
constexpr std::size_t port_packet_bytes = 65535;

/// `payload` behind its length, unsigned and in network order. `limit` when it is longer than a
/// packet may be: nothing is cut off.
NUNCIO_API Result<std::string> make_port_packet(std::string_view payload);

/// Reads one answer: a packet of two bytes, which are a code in network order. Bytes may come in
/// any pieces.
class NUNCIO_API PortAnswer {
public:
    /// Codes are 0 … `codes`-1.
    explicit PortAnswer(std::uint16_t codes)
        : codes_(codes)
    {
    }

    /// The code once it is complete, no value while bytes are missing. An Error, forever, for
    /// anything else: another length, another code, or bytes behind the answer. It shows the
    /// beginning of what came.
    Result<std::optional<std::uint16_t>> read(std::string_view bytes);
    /// Makes ready for the next answer.
    void reset() { bytes_.clear(); }

private:
    std::uint16_t codes_;
    std::string bytes_; // the beginning, as much of it as is shown
};

}
