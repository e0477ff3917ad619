#include <nuncio/address.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>

namespace nuncio::inline v1 {

namespace {

    using Bytes16 = std::array<unsigned char, 16>;

    bool is_ipv6(const std::string& address, Bytes16& bytes)
    {
        return inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
    }

    /// ::ffff:192.0.2.1 is an IPv4 address in disguise (RFC 4291 §2.5.5.2).
    bool is_mapped(const Bytes16& bytes)
    {
        constexpr std::array<unsigned char, 12> prefix { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
        return std::equal(prefix.begin(), prefix.end(), bytes.begin());
    }

}

std::string network_of(std::string_view address)
{
    Bytes16 bytes {};
    if (!is_ipv6(std::string(address), bytes))
        return std::string(address);
    char text[INET6_ADDRSTRLEN] = {};
    if (is_mapped(bytes)) {
        inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
        return text;
    }
    std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
    return std::string(text) + "/64";
}

bool is_loopback(std::string_view address)
{
    return address == "::1" || network_of(address).starts_with("127.");
}

}
