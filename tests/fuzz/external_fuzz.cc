// The protocol of auth scripts, both ends of it: no bytes are taken for an answer, a request or a
// user that they are not.
#include "external/request.h"
#include "pam/request.h"

#include <nuncio/port_protocol.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

using namespace nuncio;

namespace {

void require(bool holds, const char* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

/// What the bytes are, looked at as a whole.
std::optional<unsigned> whole_answer(std::string_view bytes, unsigned codes)
{
    if (bytes.size() != 4 || bytes.substr(0, 2) != std::string_view("\0\2", 2))
        return std::nullopt;
    const unsigned code
        = static_cast<unsigned char>(bytes[2]) * 256U + static_cast<unsigned char>(bytes[3]);
    return code < codes ? std::optional(code) : std::nullopt;
}

/// Read in pieces of any size, an answer is what it is as a whole, and nothing is read twice.
void check_answer(std::string_view input)
{
    if (input.size() < 2)
        return;
    const auto codes = static_cast<std::uint16_t>(static_cast<unsigned char>(input[0]) + 1U);
    const auto cuts = static_cast<unsigned char>(input[1]);
    const auto bytes = input.substr(2);
    PortAnswer answer(codes);
    std::optional<std::uint16_t> code;
    bool is_wrong = false;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = 1 + (cuts >> (at % 7)) % 3;
        const auto read = answer.read(bytes.substr(at, size));
        at += size;
        require(!is_wrong || !read, "what was wrong stays wrong");
        is_wrong = !read;
        if (!read)
            require(read.error().text.size() < 256, "an error shows a part only");
        code = read ? *read : std::nullopt;
    }
    const auto expected = whole_answer(bytes, codes);
    require(code.has_value() == expected.has_value() && (!code || *code == *expected),
        "pieces and the whole are one answer");
    answer.reset();
    const auto after = answer.read(std::string_view("\0\2\0\0", 4));
    require(after && *after && **after == 0, "after a reset nothing is left");
}

/// What the server asks is what the helper understands.
void check_request(std::string_view input)
{
    const auto end = input.find('\n');
    const auto user = input.substr(0, end);
    const auto password = end == input.npos ? std::string_view() : input.substr(end + 1);
    const auto made = external::make_request(external::Operation::auth, user, "h", password);
    require(bool(made) == (user.find(':') == user.npos), "colons in users are refused, no others");
    if (made) {
        const auto packet = make_port_packet(*made);
        require(
            bool(packet) == (made->size() <= port_packet_bytes), "what does not fit is refused");
        if (packet)
            require(
                packet->size() == made->size() + 2 && packet->substr(2) == *made, "nothing is cut");
        if (const auto understood = pam::parse_request(*made))
            require(understood->kind == pam::Request::Kind::auth && understood->user == user
                    && understood->password == password,
                "user and password arrive as they were sent");
    }
    if (const auto any = pam::parse_request(input)) {
        require(!any->user.empty() && any->user.size() <= pam::most_user_bytes
                && any->user.find_first_of(std::string_view("\0:/\n ", 5)) == any->user.npos,
            "PAM sees names only");
        require(any->password.size() <= pam::most_password_bytes
                && any->password.find('\0') == any->password.npos,
            "PAM sees whole passwords only");
        require(any->password.empty() == (any->kind == pam::Request::Kind::isuser),
            "nobody is asked about without a password");
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    check_answer(input);
    check_request(input);
    return 0;
}
